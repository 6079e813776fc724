// The names of hooks have dots, which no identifier has: leader_v1 is exported as leader.v1, and
// machine_v1_apply_batch as machine.v1.apply_batch. The compiler runs this on its module.
const operation = /^([a-z]+(?:_[a-z]+)*)_v([0-9]+)(?:_([a-z_]+))?$/;

export function dotted(name) {
  const parts = operation.exec(name);
  if (!parts) return name;
  const [, hook, version, rest] = parts;
  return `${hook.replaceAll("_", ".")}.v${version}${rest ? "." + rest : ""}`;
}

export default class Exports {
  afterCompile(module) {
    for (let i = module.getNumExports() - 1; i >= 0; i--) {
      const { name, value, kind } = this.binaryen.getExportInfo(module.getExportByIndex(i));
      const wanted = dotted(name);
      if (kind === this.binaryen.ExternalFunction && wanted !== name) {
        module.removeExport(name);
        module.addFunctionExport(value, wanted);
      }
    }
  }
}
