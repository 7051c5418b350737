// Loading of plug-ins.
#include "compiler/plugin/Plugin.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"

using namespace ingot;

llvm::Error ingot::loadPlugin(llvm::StringRef path, PluginRegistry &registry) {
  auto fail = [&](const llvm::Twine &text) {
    return llvm::createStringError("plug-in '" + path + "' " + text);
  };
  // A bare file name would be looked for where the system keeps its libraries.
  llvm::SmallString<256> file(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(file))
    return fail("cannot be loaded: " + error.message());
  if (!llvm::sys::fs::exists(file))
    return fail("does not exist");
  std::string message;
  auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(file.c_str(), &message);
  if (!library.isValid())
    return fail("cannot be loaded: " + message +
                "\nhint: it must be built against this installation (docs/adding-a-target.md)");
  auto api = reinterpret_cast<const char *(*)()>(library.getAddressOfSymbol("ingotPluginApi"));
  auto enter = reinterpret_cast<void (*)(PluginRegistry &)>(
      library.getAddressOfSymbol("ingotRegisterPlugin"));
  if (!api || !enter)
    return fail(llvm::Twine("exports no ") + (api ? "ingotRegisterPlugin" : "ingotPluginApi") +
                "; it is not an Ingot plug-in");
  if (llvm::StringRef theirs = api(); theirs != INGOT_PLUGIN_API)
    return fail("was built for '" + theirs + "', but this compiler has '" + INGOT_PLUGIN_API +
                "'\nhint: rebuild it against this installation");
  enter(registry);
  return llvm::Error::success();
}
