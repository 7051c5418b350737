// Links kernels in process by LLD and takes the image out of the ELF file.
#include "backends/cpu/Image.h"
#include "backends/cpu/Support.h"
#include "lld/Common/Driver.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <mutex>
#include <set>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace ingot::cpu {
namespace {

// Everything in one section; what is not code or constants stays apart, so that it is seen and
// refused.
const char kScript[] = R"(SECTIONS {
  . = 0;
  .image : ALIGN(64) { *(.text .text.*) . = ALIGN(64); *(.rodata .rodata.* .srodata .srodata.* .lrodata .lrodata.*) }
  .data : { *(.data .data.* .sdata .sdata.* .tdata .tdata.*) }
  .got : { *(.got .got.*) }
  .bss : { *(.bss .bss.* .sbss .sbss.* .tbss .tbss.* COMMON) }
  /DISCARD/ : { *(.eh_frame .eh_frame_hdr .comment .note .note.* .ARM.exidx .ARM.exidx.* .ARM.attributes .riscv.attributes .gnu.* .llvm_addrsig .debug*) }
}
)";

Error failure(const Twine &what) { return createStringError(inconvertibleErrorCode(), what); }

/// A folder of its own for one link, removed with what is in it.
class TemporaryFolder {
public:
  TemporaryFolder() { error = sys::fs::createUniqueDirectory("ingot-link", path); }
  ~TemporaryFolder() {
    for (const std::string &file : files)
      sys::fs::remove(file);
    if (!error)
      sys::fs::remove(path);
  }
  Expected<std::string> write(const Twine &name, StringRef bytes) {
    std::string file = add(name);
    std::error_code failed;
    raw_fd_ostream stream(file, failed);
    if (failed)
      return failure("cannot write " + file + ": " + failed.message());
    stream << bytes;
    stream.close();
    if (stream.has_error())
      return failure("cannot write " + file + ": " + stream.error().message());
    return file;
  }
  std::string add(const Twine &name) {
    SmallString<128> file(path);
    sys::path::append(file, name);
    files.push_back(std::string(file));
    return files.back();
  }
  std::error_code error;
  SmallString<128> path;

private:
  std::vector<std::string> files;
};

Error runLld(ArrayRef<std::string> arguments) {
  static std::mutex oneAtATime; // lld::lldMain is not thread-safe
  std::lock_guard lock(oneAtATime);
  std::vector<const char *> raw;
  for (const std::string &argument : arguments)
    raw.push_back(argument.c_str());
  std::string output, errors;
  raw_string_ostream outStream(output), errorStream(errors);
  lld::Result result = lld::lldMain(raw, outStream, errorStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode)
    return failure("linking kernels failed: " + errors);
  return Error::success();
}

Expected<Image> flatten(StringRef elf, ArrayRef<KernelObject> objects) {
  auto file = object::ObjectFile::createELFObjectFile(MemoryBufferRef(elf, "image"));
  if (!file)
    return file.takeError();
  Image image;
  for (const object::SectionRef &section : (*file)->sections()) {
    auto name = section.getName();
    if (!name)
      return name.takeError();
    object::ELFSectionRef elfSection(section);
    if (!(elfSection.getFlags() & ELF::SHF_ALLOC) || section.getSize() == 0)
      continue;
    if (*name != ".image" || section.getAddress() != 0)
      return failure("kernels need section " + *name + " (" + Twine(section.getSize()) +
                     " bytes), which an image cannot hold");
    auto contents = section.getContents();
    if (!contents)
      return contents.takeError();
    image.bytes.assign(contents->begin(), contents->end());
  }
  StringMap<uint64_t> addresses;
  for (const object::SymbolRef &symbol : (*file)->symbols()) {
    auto name = symbol.getName();
    auto address = symbol.getAddress();
    if (!name || !address)
      return joinErrors(name.takeError(), address.takeError());
    addresses[*name] = *address;
  }
  for (const KernelObject &object : objects) {
    auto found = addresses.find(object.name);
    if (found == addresses.end())
      return failure("kernel '" + object.name + "' is missing from the linked image");
    image.entries.push_back(found->second);
  }
  return image;
}

} // namespace

Expected<std::vector<std::string>> undefinedSymbols(StringRef bytes) {
  auto file = object::ObjectFile::createELFObjectFile(MemoryBufferRef(bytes, "kernel"));
  if (!file)
    return file.takeError();
  std::vector<std::string> names;
  for (const object::SymbolRef &symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!flags || !name)
      return joinErrors(flags.takeError(), name.takeError());
    if ((*flags & object::SymbolRef::SF_Undefined) && !name->empty())
      names.push_back(name->str());
  }
  return names;
}

Expected<Image> linkImage(ArrayRef<KernelObject> objects, const Isa &isa) {
  bool needsSupport = false;
  std::string missing;
  for (const KernelObject &object : objects) {
    auto names = undefinedSymbols(StringRef(object.bytes.data(), object.bytes.size()));
    if (!names)
      return names.takeError();
    for (const std::string &name : *names) {
      needsSupport = true;
      if (!supportProvides(name, isa))
        missing += "\n  kernel '" + object.name + "' calls '" + name + "'";
    }
  }
  if (!missing.empty())
    return failure("internal error: no image provides these functions:" + missing);
  TemporaryFolder folder;
  if (folder.error)
    return failure("cannot create a folder for linking: " + folder.error.message());
  std::vector<std::string> arguments{
      "ld.lld",        "--no-undefined", "--build-id=none",         "-z",       "norelro",
      "--gc-sections", "--threads=1",    "--orphan-handling=place", "--entry=0"};
  auto script = folder.write("image.ld", kScript);
  if (!script)
    return script.takeError();
  arguments.push_back("-T" + *script);
  for (auto [i, object] : enumerate(objects)) {
    auto file =
        folder.write(std::to_string(i) + ".o", StringRef(object.bytes.data(), object.bytes.size()));
    if (!file)
      return file.takeError();
    arguments.push_back("--undefined=" + object.name); // a root for --gc-sections
    arguments.push_back(*file);
  }
  if (needsSupport) {
    auto support = supportObject(isa);
    if (!support)
      return support.takeError();
    auto file = folder.write("support.o", StringRef(support->data(), support->size()));
    if (!file)
      return file.takeError();
    arguments.push_back(*file);
  }
  std::string output = folder.add("image.elf");
  arguments.insert(arguments.end(), {"-o", output});
  if (Error error = runLld(arguments))
    return std::move(error);
  auto elf = MemoryBuffer::getFile(output);
  if (!elf)
    return failure("cannot read the linked image: " + elf.getError().message());
  return flatten((*elf)->getBuffer(), objects);
}

} // namespace ingot::cpu
