const SECRET = /auth|key|token|secret|passw|cookie|credential|signature|jwt/i;

/** Whether the value of a header or a variable with this name must not be shown. */
export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}
