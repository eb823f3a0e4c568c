/** Sound as a WAV file, which every model reads: browsers record other formats. */

const HEADER = 44; // bytes

/** A WAV file of 16 bits with one channel: the mean of those that were recorded. */
export function wavOf(channels: Float32Array[], rate: number): Uint8Array<ArrayBuffer> {
  const length = channels[0]?.length ?? 0;
  const bytes = new Uint8Array(HEADER + length * 2);
  const view = new DataView(bytes.buffer);
  const word = (at: number, text: string): void => [...text].forEach((one, index) => view.setUint8(at + index, one.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of what says the format
  view.setUint16(20, 1, true); // samples as they are
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, length * 2, true);
  for (let index = 0; index < length; index++) {
    const sum = channels.reduce((total, channel) => total + (channel[index] ?? 0), 0);
    const sample = Math.max(-1, Math.min(1, sum / channels.length));
    view.setInt16(HEADER + index * 2, Math.round(sample * (sample < 0 ? 0x8000 : 0x7fff)), true);
  }
  return bytes;
}

/** What a browser has recorded as a WAV file. Rejects where it is no sound. */
export async function recordedWav(recorded: Blob): Promise<File> {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await recorded.arrayBuffer());
    const channels = Array.from({ length: sound.numberOfChannels }, (_, index) => sound.getChannelData(index));
    return new File([wavOf(channels, sound.sampleRate)], "recording.wav", { type: "audio/wav" });
  } finally {
    await context.close();
  }
}
