import { Person } from './person';
import { expect, test } from './world';

test('three browsers and a command line write to each other, both ways', async ({ world }) => {
  test.setTimeout(240_000);
  const people = {
    alice: new Person(await world.browser(), 'alice'),
    bob: new Person(await world.browser(), 'bob'),
    carol: new Person(await world.browser(), 'carol'),
  };
  const dora = world.terminal('dora');
  await Promise.all([...Object.values(people).map((person) => person.signUp()), dora.signUp()]);

  const pairs = [
    ['alice', 'bob'],
    ['carol', 'alice'],
    ['bob', 'carol'],
  ] as const;
  for (const [from, to] of pairs) {
    await test.step(`${from} and ${to}`, async () => {
      const [asking, asked] = [people[from], people[to]];
      await asking.addByHandle(to);
      await asking.send(`${from} to ${to}`);
      await asked.acceptRequest(from);
      await asked.sees(`${from} to ${to}`);
      await asked.send(`${to} to ${from}`);
      await asking.sees(`${to} to ${from}`);
      await asked.seesState(`${to} to ${from}`, 'Delivered');
    });
  }

  const { alice, bob, carol } = people;
  await test.step('the command line writes first', async () => {
    expect(await dora.send('alice', 'dora to alice')).toBe('sent');
    await alice.acceptRequest('dora');
    await alice.sees('dora to alice');
    await alice.send('alice to dora');
    await alice.seesState('alice to dora', 'Sent');
    expect(await dora.receive()).toEqual(['alice to dora']);
    await alice.seesState('alice to dora', 'Read');
    expect(await dora.receive(), 'a message is printed once').toEqual([]);
    expect(await dora.history('alice')).toEqual(['dora to alice', 'alice to dora']);
    expect(await dora.safetyNumber('alice')).toEqual(await alice.safetyNumber());
  });
  await test.step('a browser writes first, while the command line is away', async () => {
    for (const person of [bob, carol]) {
      await person.addByHandle('dora');
      await person.send(`${person.handle} to dora`);
      await person.seesState(`${person.handle} to dora`, 'Sent');
    }
    for (const person of [bob, carol]) {
      await dora.accept(person.handle);
      expect(await dora.send(person.handle, `dora to ${person.handle}`, true)).toMatch(/^(delivered|read)$/);
      await person.sees(`dora to ${person.handle}`);
      await person.seesState(`${person.handle} to dora`, 'Delivered');
      expect(await dora.history(person.handle)).toEqual([
        `${person.handle} to dora`,
        `dora to ${person.handle}`,
      ]);
    }
  });
  await test.step('a draft waits where it was begun', async () => {
    await alice.goHome();
    await alice.openChat('bob');
    await alice.composer.fill('half a thought');
    await alice.goHome();
    await alice.openChat('carol');
    await expect(alice.composer).toHaveValue('');
    await alice.goHome();
    await alice.openChat('bob');
    await expect(alice.composer).toHaveValue('half a thought');
    await alice.page.reload();
    await expect(alice.composer).toHaveValue('half a thought');
    await alice.composer.fill('');
  });
  await test.step('nothing went to the wrong person', async () => {
    for (const [from, to] of pairs) {
      for (const [reader, other] of [
        [people[from], to],
        [people[to], from],
      ] as const) {
        await reader.goHome();
        await reader.openChat(other);
        await reader.sees(`${from} to ${to}`);
        await reader.sees(`${to} to ${from}`);
        await expect(
          reader.page.getByRole('log').getByRole('article', { name: /, (alice|bob|carol) to / }),
        ).toHaveCount(2);
      }
    }
  });
});
