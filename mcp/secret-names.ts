const SECRET = /auth|key|token|secret|passw|cookie|credential|signature|jwt/i;

/** Whether what stands under this name, of a header or a variable, must not be shown. */
export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}
