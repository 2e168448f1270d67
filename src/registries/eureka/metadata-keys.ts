/** What Eureka has no field for stands in an instance's metadata, under keys that other clients use too. */

/** Spring Cloud LoadBalancer's key for a weight. */
export const WEIGHT = 'weight';
/** Spring Cloud's key for a zone. */
export const ZONE = 'zone';
/** The path that stands before each request's path. */
export const CONTEXT_PATH = 'contextPath';
/** The announced id, where Eureka cannot have it as its instanceId. */
export const ID = 'fetchmesh.id';
/** What Eureka's encoder writes into metadata by itself. */
const JAVA_CLASS = '@class';

/** Keys that are not an instance's own metadata. */
export const RESERVED_KEYS: ReadonlySet<string> = new Set([WEIGHT, ZONE, CONTEXT_PATH, ID, JAVA_CLASS]);
