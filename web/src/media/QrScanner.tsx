/** Reads QR codes through the camera. Frames stay in this page: nothing is stored or sent. */
import { useLingui } from '@lingui/react';
import { useEffect, useRef, useState } from 'react';

/** Time between two looks at the picture. */
const LOOK_EVERY_MS = 160;
/** Longer sides cost time and read no better. */
const SIDE_MAX = 640;

type CameraState = 'asking' | 'running' | 'refused' | 'missing';

/** Calls `onText` once for every code whose text differs from the one before. */
export function QrScanner({ onText }: { onText: (text: string) => void }) {
  const { _ } = useLingui();
  const video = useRef<HTMLVideoElement>(null);
  const heard = useRef(onText);
  const [state, setState] = useState<CameraState>('asking');
  useEffect(() => {
    heard.current = onText;
  }, [onText]);

  useEffect(() => {
    let ended = false;
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = '';
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });

    const run = async () => {
      const devices = navigator.mediaDevices as MediaDevices | undefined;
      if (!devices) {
        setState('missing');
        return;
      }
      const [{ decodeQR }, opened] = await Promise.all([
        import('qr/decode.js'),
        devices.getUserMedia({ video: { facingMode: 'environment' }, audio: false }),
      ]);
      stream = opened;
      const element = video.current;
      if (ended || !element || !context) {
        stop();
        return;
      }
      element.srcObject = opened;
      await element.play();
      setState('running');
      const look = () => {
        if (ended) return;
        const scale = Math.min(1, SIDE_MAX / Math.max(element.videoWidth, element.videoHeight, 1));
        canvas.width = Math.max(1, Math.round(element.videoWidth * scale));
        canvas.height = Math.max(1, Math.round(element.videoHeight * scale));
        context.drawImage(element, 0, 0, canvas.width, canvas.height);
        const text = read(context.getImageData(0, 0, canvas.width, canvas.height), decodeQR);
        if (text !== null && text !== last) {
          last = text;
          heard.current(text);
        }
        timer = setTimeout(look, LOOK_EVERY_MS);
      };
      look();
    };
    const stop = () => stream?.getTracks().forEach((track) => track.stop());

    run().catch((error: unknown) => {
      if (ended) return;
      const name = error instanceof DOMException ? error.name : '';
      setState(name === 'NotAllowedError' || name === 'SecurityError' ? 'refused' : 'missing');
    });
    return () => {
      ended = true;
      clearTimeout(timer);
      stop();
    };
  }, []);

  return (
    <div className="overflow-hidden rounded-lg bg-ink">
      <video
        ref={video}
        muted
        playsInline
        aria-label={_('media.camera')}
        className={state === 'running' ? 'aspect-square w-full object-cover' : 'sr-only'}
      />
      <p role="status" className="px-4 py-3 text-center text-13 text-white">
        {state === 'asking' && _('media.cameraAsking')}
        {state === 'running' && _('media.cameraRunning')}
        {state === 'refused' && _('media.cameraRefused')}
        {state === 'missing' && _('media.cameraMissing')}
      </p>
    </div>
  );
}

/** A frame without a readable code is the usual case, and the decoder says it by throwing. */
function read(frame: ImageData, decode: (image: ImageData) => string): string | null {
  try {
    return decode(frame);
  } catch {
    return null;
  }
}
