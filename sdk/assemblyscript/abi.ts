// What every module holds: an entry of asconfig.json.
import "./abort";

/** The marker of the interface's version 1. It is never called. */
export function quoin_abi_v1(): void {}
