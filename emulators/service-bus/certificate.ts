// A fixed certificate for 127.0.0.1 and localhost; the key is public and protects nothing.

/**
 * Valid from 2020, so that clocks which are behind take it as well, for a hundred years. Clients that insist on HTTPS trust it through `NODE_EXTRA_CA_CERTS` or
 * `tlsOptions: { ca }`.
 */
export const DEVELOPMENT_CERTIFICATE = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUC8RPBXW8k+rySSBLKSYFqQhRf7UwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUUG9seWNlbGwgZGV2ZWxvcG1lbnQwIBcNMjAwMTAxMDAwMDAw
WhgPMjEyMDAxMDEwMDAwMDBaMB8xHTAbBgNVBAMMFFBvbHljZWxsIGRldmVsb3Bt
ZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5w00jNRqI0XnWCuBRP7A/uwl
WYdlp1fUr/2knv60uQLquEShL/MYa5uWeqaQr9QHJXAi6BVunOIg8+CNCuSuG6NO
MEwwHQYDVR0OBBYEFEaP+GfpMi1Rlr71+TMBbdetMpv9MBoGA1UdEQQTMBGCCWxv
Y2FsaG9zdIcEfwAAATAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQC
IBl4Od4EA9axTAIB16fx/hnf9BhpgPhTa96UYF6bhMk4AiA5PDLiYzDl2/4DV//p
aKLB0sCdZL5fiMmjMCppPCFURA==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiPHokSLyLxISPaGo
AfrHB0qr3VTK5lP8+wVbvZzz9cGhRANCAATnDTSM1GojRedYK4FE/sD+7CVZh2Wn
V9Sv/aSe/rS5Auq4RKEv8xhrm5Z6ppCv1AclcCLoFW6c4iDz4I0K5K4b
-----END PRIVATE KEY-----
`,
} as const;
