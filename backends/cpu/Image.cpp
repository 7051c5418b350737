// Links kernels in process by LLD and takes the image out of the ELF file.
#include "backends/cpu/Image.h"
#include "backends/cpu/Lower.h"
#include "lld/Common/Driver.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"
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

// The only functions that LLVM itself may call. Written without calls, and compiled so that none
// are formed.
const char kSupport[] = R"(
define ptr @memcpy(ptr noalias %to, ptr noalias readonly %from, {word} %n) #0 {
  %none = icmp eq {word} %n, 0
  br i1 %none, label %exit, label %loop
loop:
  %i = phi {word} [ 0, %0 ], [ %next, %loop ]
  %src = getelementptr i8, ptr %from, {word} %i
  %dst = getelementptr i8, ptr %to, {word} %i
  %byte = load i8, ptr %src
  store i8 %byte, ptr %dst
  %next = add nuw {word} %i, 1
  %done = icmp eq {word} %next, %n
  br i1 %done, label %exit, label %loop
exit:
  ret ptr %to
}
define ptr @memset(ptr %to, i32 %value, {word} %n) #0 {
  %byte = trunc i32 %value to i8
  %none = icmp eq {word} %n, 0
  br i1 %none, label %exit, label %loop
loop:
  %i = phi {word} [ 0, %0 ], [ %next, %loop ]
  %dst = getelementptr i8, ptr %to, {word} %i
  store i8 %byte, ptr %dst
  %next = add nuw {word} %i, 1
  %done = icmp eq {word} %next, %n
  br i1 %done, label %exit, label %loop
exit:
  ret ptr %to
}
define ptr @memmove(ptr %to, ptr %from, {word} %n) #0 {
  %none = icmp eq {word} %n, 0
  br i1 %none, label %exit, label %start
start:
  %down = icmp ugt ptr %to, %from
  %last = sub {word} %n, 1
  %first = select i1 %down, {word} %last, {word} 0
  %step = select i1 %down, {word} -1, {word} 1
  br label %loop
loop:
  %i = phi {word} [ %first, %start ], [ %next, %loop ]
  %left = phi {word} [ %n, %start ], [ %less, %loop ]
  %src = getelementptr i8, ptr %from, {word} %i
  %dst = getelementptr i8, ptr %to, {word} %i
  %byte = load i8, ptr %src
  store i8 %byte, ptr %dst
  %next = add {word} %i, %step
  %less = sub {word} %left, 1
  %done = icmp eq {word} %less, 0
  br i1 %done, label %exit, label %loop
exit:
  ret ptr %to
}
)";

// The names of the same on 32-bit Arm (run-time ABI for the Arm architecture, §4.3.4).
const char kSupportArm[] = R"(
define void @__aeabi_memcpy(ptr %to, ptr %from, {word} %n) #0 {
  %r = call ptr @memcpy(ptr %to, ptr %from, {word} %n)
  ret void
}
define void @__aeabi_memset(ptr %to, {word} %n, i32 %value) #0 {
  %r = call ptr @memset(ptr %to, i32 %value, {word} %n)
  ret void
}
define void @__aeabi_memclr(ptr %to, {word} %n) #0 {
  %r = call ptr @memset(ptr %to, i32 0, {word} %n)
  ret void
}
@__aeabi_memcpy4 = alias void (ptr, ptr, {word}), ptr @__aeabi_memcpy
@__aeabi_memcpy8 = alias void (ptr, ptr, {word}), ptr @__aeabi_memcpy
@__aeabi_memset4 = alias void (ptr, {word}, i32), ptr @__aeabi_memset
@__aeabi_memset8 = alias void (ptr, {word}, i32), ptr @__aeabi_memset
@__aeabi_memclr4 = alias void (ptr, {word}), ptr @__aeabi_memclr
@__aeabi_memclr8 = alias void (ptr, {word}), ptr @__aeabi_memclr
)";

const char *const kProvided[] = {"memcpy",         "memset",          "memmove",
                                 "__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memcpy8",
                                 "__aeabi_memset", "__aeabi_memset4", "__aeabi_memset8",
                                 "__aeabi_memclr", "__aeabi_memclr4", "__aeabi_memclr8"};

Error failure(const Twine &what) { return createStringError(inconvertibleErrorCode(), what); }

Expected<SmallVector<char, 0>> supportObject(const Isa &isa) {
  std::string text = kSupport;
  if (isa.arch == "arm")
    text += kSupportArm;
  text += "attributes #0 = { nounwind \"no-builtins\" \"target-cpu\"=\"" + isa.cpu +
          "\" \"target-features\"=\"" + isa.features + "\" }\n";
  std::string word = "i" + std::to_string(isa.indexBits);
  for (size_t at; (at = text.find("{word}")) != std::string::npos;)
    text.replace(at, 6, word);
  LLVMContext context;
  SMDiagnostic diagnostic;
  auto machine = isa.createTargetMachine();
  std::unique_ptr<llvm::Module> module = parseAssemblyString(text, diagnostic, context);
  if (!module)
    return failure("internal error: support routines: " + diagnostic.getMessage());
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  return compileToObject(*module, *machine);
}

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
  for (const KernelObject &object : objects) {
    auto names = undefinedSymbols(StringRef(object.bytes.data(), object.bytes.size()));
    if (!names)
      return names.takeError();
    for (const std::string &name : *names) {
      if (!is_contained(kProvided, StringRef(name)))
        return failure("internal error: kernel '" + object.name + "' calls '" + name +
                       "', which no image provides");
      needsSupport = true;
    }
  }
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
