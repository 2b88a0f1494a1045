// Simulates Cloudflare's front: removes headers that clients may not set, and adds those that the platform sets.

/** Cloudflare sets these itself, so a client's are never passed on. */
const PLATFORMS_OWN = /^(?:cf-|mf-|cdn-loop$|x-forwarded-proto$|x-real-ip$|true-client-ip$)/;

/** @type {Readonly<Record<string, string>>} */
const NO_CERTIFICATE = {
  certPresented: '0',
  certVerified: 'NONE',
  certRevoked: '0',
  certIssuerDN: '',
  certSubjectDN: '',
  certSerial: '',
  certFingerprintSHA1: '',
  certFingerprintSHA256: '',
  certNotBefore: '',
  certNotAfter: '',
};

export default {
  /**
   * `request.cf` can only come from the TLS front: requests on the public socket never have one.
   * @param {Request & { cf?: { tls?: string, certificate?: { der: string, fields: Record<string, string> } } }} request
   * @param {{ EDGE: { fetch(request: Request, more: object): Promise<Response> } }} env
   */
  fetch(request, env) {
    const headers = new Headers(request.headers);
    for (const name of [...headers.keys()]) if (PLATFORMS_OWN.test(name)) headers.delete(name);
    const { tls, certificate } = request.cf ?? {};
    headers.set('cf-connecting-ip', '127.0.0.1');
    headers.set('x-forwarded-proto', tls === undefined ? 'http' : 'https');
    if (certificate !== undefined) headers.set('cf-client-cert-der-base64', certificate.der);
    const url = tls === undefined ? request.url : request.url.replace(/^http:/, 'https:');
    const cf = {
      colo: 'LOCAL',
      httpProtocol: 'HTTP/1.1',
      ...(tls !== undefined && { tlsVersion: tls, tlsClientAuth: certificate?.fields ?? NO_CERTIFICATE }),
    };
    return env.EDGE.fetch(new Request(url, request), { headers, cf });
  },
};
