// What stands here runs once for each execution environment.
const greeting = process.env.GREETING ?? 'Hello';

export const handler = async (event) => {
  const name = event.name ?? 'world';
  console.info('greeting', name);
  return { message: `${greeting}, ${name}!` };
};
