package registries;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.web.SecurityFilterChain;

/** A Eureka server for tests. Everything is set on its command line; with spring.security.user.password it asks for basic auth. */
@SpringBootApplication
@EnableEurekaServer
public class EurekaServer {
  public static void main(String[] arguments) {
    SpringApplication.run(EurekaServer.class, arguments);
  }

  /** Eureka's clients send no CSRF token and keep no session. */
  @Bean
  SecurityFilterChain access(HttpSecurity http, Environment environment) throws Exception {
    boolean closed = environment.containsProperty("spring.security.user.password");
    http.csrf(csrf -> csrf.disable());
    http.sessionManagement(session -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS));
    http.httpBasic(Customizer.withDefaults());
    http.authorizeHttpRequests(requests -> {
      if (closed) requests.anyRequest().authenticated();
      else requests.anyRequest().permitAll();
    });
    return http.build();
  }
}
