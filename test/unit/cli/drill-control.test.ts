// A drill looks at an edge that does not answer again, some times, and repeats nothing that changes something.
import { EdgeControl, LOOKS, NoAnswerError } from '../../../cli/drill/control.ts';

/** An edge that does not answer so many requests. */
function edge(unanswered: number) {
  const asked: string[] = [];
  const control = new EdgeControl(
    { operatorToken: async () => 'token' },
    'https://edge.example',
    async (_url, init) => {
      asked.push(init?.method ?? 'GET');
      if (asked.length <= unanswered) throw new DOMException('The operation timed out.', 'TimeoutError');
      return Response.json({ items: [], revision: 7 });
    },
  );
  return { control, asked };
}

test('a look that has no answer is taken again, until there were too many', async () => {
  const late = edge(LOOKS - 1);
  expect(await late.control.cells()).toEqual([]);
  expect(late.asked).toHaveLength(LOOKS);
  const away = edge(LOOKS);
  await expect(away.control.cells()).rejects.toThrow(
    new NoAnswerError('The edge at https://edge.example does not answer: no answer in time.'),
  );
  expect(away.asked).toHaveLength(LOOKS);
});

test('a change that has no answer is not repeated: it may have happened', async () => {
  const away = edge(1);
  await expect(away.control.failBack('aws-alpha')).rejects.toThrow(NoAnswerError);
  expect(away.asked).toEqual(['POST']);
});
