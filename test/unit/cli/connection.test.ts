// Which edge a command asks: flag, environment, profile, local stack; and where a token may go.
import { choiceOf } from '../../../cli/edge/connection.ts';

const TOKEN = `e30.${Buffer.from('{"sub":"ann"}').toString('base64url')}.c2ln`;
const EDGE = 'https://edge.example';

test.each([
  ['nothing', {}, {}, undefined, { kind: 'stack' }],
  ['the current profile', {}, {}, 'prod', { kind: 'profile', name: 'prod' }],
  ['an empty variable', {}, { POLYCELL_EDGE: '', POLYCELL_TOKEN: '' }, 'prod', { kind: 'profile', name: 'prod' }],
  ['the environment over it', {}, { POLYCELL_EDGE: `${EDGE}/` }, 'prod', { kind: 'edge', edge: EDGE }],
  [
    'its token',
    {},
    { POLYCELL_EDGE: EDGE, POLYCELL_TOKEN: `${TOKEN}\n` },
    'prod',
    { kind: 'edge', edge: EDGE, token: TOKEN },
  ],
  ['--edge over both', { edge: EDGE }, { POLYCELL_EDGE: 'https://b.example' }, 'prod', { kind: 'edge', edge: EDGE }],
  [
    '--edge with a token',
    { edge: EDGE },
    { POLYCELL_TOKEN: TOKEN },
    'prod',
    { kind: 'edge', edge: EDGE, token: TOKEN },
  ],
  ['--stack over all', { stack: 'x' }, { POLYCELL_EDGE: EDGE }, 'prod', { kind: 'stack', url: 'x' }],
  ['--profile over the current one', { profile: 'b' }, {}, 'prod', { kind: 'profile', name: 'b' }],
])('%s', (_name, options, environment, current, choice) => {
  expect(choiceOf(options, environment, current)).toEqual(choice);
});

test.each([
  [{ edge: EDGE, profile: 'a' }, {}, 'Give one of --edge and --profile.'],
  [
    { profile: 'a' },
    { POLYCELL_EDGE: EDGE },
    '--profile a and POLYCELL_EDGE both name an edge; leave one of them out.',
  ],
  [
    {},
    { POLYCELL_TOKEN: TOKEN },
    'POLYCELL_TOKEN is set, and nothing says for which edge: set POLYCELL_EDGE or give --edge.',
  ],
  [{ edge: EDGE }, { POLYCELL_TOKEN: 'secret' }, 'POLYCELL_TOKEN holds no JSON Web Token of at most 4096 characters.'],
  [
    { edge: 'http://edge.example' },
    {},
    '--edge must begin with https://, as a token is sent there; http:// is for this machine only.',
  ],
  [
    { edge: 'http://127.0.0.1.evil.example' },
    {},
    '--edge must begin with https://, as a token is sent there; http:// is for this machine only.',
  ],
  [
    { edge: 'ftp://127.0.0.1' },
    {},
    '--edge must begin with https://, as a token is sent there; http:// is for this machine only.',
  ],
  [
    { edge: 'https://ann:secret@edge.example' },
    {},
    '--edge must be an address without a password, a query or a fragment.',
  ],
  [{ edge: 'https://edge.example/path' }, {}, '--edge must be an address without a path.'],
  [{ edge: 'edge' }, {}, '--edge must be an address such as https://edge.example.com, not "edge".'],
])('%j and %j are refused', (options, environment, message) => {
  expect(() => choiceOf(options, environment, undefined)).toThrow(message);
});

test.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'])('%s is on this machine', (edge) => {
  expect(choiceOf({ edge }, {}, undefined)).toEqual({ kind: 'edge', edge });
});
