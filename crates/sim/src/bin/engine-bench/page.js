// The page of the engine's benchmark: one worker at a time, one call at a time, driven through a WebSocket.
const socket = new WebSocket(`ws://${location.host}/ws`);
let worker;
let started = 0;

function spawn() {
  worker?.terminate();
  started = performance.now();
  worker = new Worker('/worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => {
    if (data.value?.store !== undefined) data.value.total = performance.now() - started;
    socket.send(JSON.stringify(data));
  };
  worker.onerror = (event) => socket.send(JSON.stringify({ error: event.message ?? 'the worker failed' }));
}

socket.onopen = () => socket.send('{"value":null}');
socket.onmessage = ({ data }) => {
  const call = JSON.parse(data);
  // A store is always opened by a worker that has done nothing else, as after a reload.
  if (call.op === 'open' || call.op === 'first_page') spawn();
  if (worker) worker.postMessage(call);
  else socket.send('{"value":null}');
};
