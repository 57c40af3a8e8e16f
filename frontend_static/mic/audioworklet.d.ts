/** What an AudioWorkletGlobalScope has beyond a page's scope, as far as pcmworklet.js uses it. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare const sampleRate: number;
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
