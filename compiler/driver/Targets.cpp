// `ingot targets`.
#include "compiler/driver/Compile.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace ingot;

int ingot::targetsCommand(bool json, const std::vector<std::string> &plugins) {
  CompileState state;
  state.options.plugins = plugins;
  if (llvm::Error error = prepare(state)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return kUserError;
  }
  if (json) {
    llvm::json::Array list;
    for (const TargetRegistry::Entry &entry : state.registry.targets.list())
      list.push_back(llvm::json::Object{{"name", entry.name}, {"description", entry.description}});
    llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(list)));
    return kDone;
  }
  for (const TargetRegistry::Entry &entry : state.registry.targets.list())
    llvm::outs() << llvm::formatv("{0,-16}{1}\n", entry.name, entry.description);
  llvm::outs() << "host is " << state.targets.front()->name() << " on this machine\n";
  return kDone;
}
