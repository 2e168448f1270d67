/** A service that greets users by name, and strangers when nobody knows the name in time. */
export function greeter(mesh) {
  const users = mesh.service('users');
  return async (id) => {
    try {
      const response = await users.fetch(`/users/${id}`, { mesh: { timeoutMs: 1_000 } });
      if (!response.ok) return 'Hello, stranger!';
      const { name } = await response.json();
      return `Hello, ${name}!`;
    } catch (error) {
      if (error.code === 'ERR_MESH_TIMEOUT') return 'Hello, whoever you are!';
      throw error;
    }
  };
}
