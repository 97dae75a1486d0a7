// A fair Socket.IO + PostgreSQL relay: WebSocket only, no compression, pool of 20, named prepared statements,
// the INSERT is committed before the message is delivered or acknowledged; an ack deletes; what waited is sent at connect.
// Usage: node relay.js PORT PG_SOCKET_FOLDER PG_PORT
const { Server } = require('socket.io');
const { Pool } = require('pg');
const http = require('http');

const [port, host, pgPort] = process.argv.slice(2);
const pool = new Pool({ host, port: Number(pgPort), user: 'securechat', database: 'postgres', max: 20 });

async function main() {
  await pool.query(
    `CREATE TABLE messages(
       id BIGSERIAL PRIMARY KEY, recipient INT NOT NULL, sender INT NOT NULL, body TEXT NOT NULL,
       created_at TIMESTAMPTZ NOT NULL DEFAULT now());
     CREATE INDEX messages_of ON messages(recipient, id)`,
  );
  const server = http.createServer();
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false });
  const online = new Map();
  io.on('connection', async (socket) => {
    const user = socket.handshake.auth.u;
    online.set(user, socket);
    socket.on('msg', async (message, accepted) => {
      const stored = await pool.query({
        name: 'insert',
        text: 'INSERT INTO messages(recipient, sender, body) VALUES ($1, $2, $3) RETURNING id',
        values: [message.to, user, message.body],
      });
      online.get(message.to)?.emit('msg', { id: stored.rows[0].id, from: user, body: message.body });
      accepted?.(true);
    });
    socket.on('ack', (id) =>
      pool.query({ name: 'delete', text: 'DELETE FROM messages WHERE id = $1 AND recipient = $2', values: [id, user] }),
    );
    socket.on('disconnect', () => {
      if (online.get(user) === socket) online.delete(user);
    });
    const waiting = await pool.query({
      name: 'waiting',
      text: 'SELECT id, sender, body FROM messages WHERE recipient = $1 ORDER BY id',
      values: [user],
    });
    for (const row of waiting.rows) socket.emit('msg', { id: row.id, from: row.sender, body: row.body });
  });
  server.listen(Number(port), '127.0.0.1', 4096, () => console.log(JSON.stringify({ port: server.address().port })));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
