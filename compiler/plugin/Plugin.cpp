// Loading of plug-ins.
#include "compiler/plugin/Plugin.h"
#include "llvm/Support/DynamicLibrary.h"

using namespace ingot;

llvm::Error ingot::loadPlugin(llvm::StringRef path, PluginRegistry registry) {
  std::string message;
  auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(path.str().c_str(), &message);
  auto fail = [&](const llvm::Twine &text) {
    return llvm::createStringError("plug-in '" + path + "' " + text);
  };
  if (!library.isValid())
    return fail("cannot be loaded: " + message);
  auto version = reinterpret_cast<int (*)()>(library.getAddressOfSymbol("ingotPluginApiVersion"));
  auto enter = reinterpret_cast<void (*)(PluginRegistry &)>(
      library.getAddressOfSymbol("ingotRegisterPlugin"));
  if (!version || !enter)
    return fail(
        "exports no ingotPluginApiVersion and ingotRegisterPlugin; it is not an Ingot plug-in");
  if (int theirs = version(); theirs != INGOT_PLUGIN_API_VERSION)
    return fail("was built for plug-in API version " + llvm::Twine(theirs) +
                ", but this compiler has version " + llvm::Twine(INGOT_PLUGIN_API_VERSION) +
                "; rebuild it against this installation");
  enter(registry);
  return llvm::Error::success();
}
