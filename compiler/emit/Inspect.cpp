// Describes program files for people and for scripts. Reads what the runtime's verifier has
// accepted, so every index and offset holds.
#include "compiler/emit/Inspect.h"
#include "compiler/emit/InspectDims.h"

#include "ir/graph/MapFile.h"
#include "runtime-lib/core/Program.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace ingot;
using namespace ingot::fmt;
using llvm::StringRef;

namespace {

std::string size(uint64_t bytes) {
  if (bytes < 1024)
    return llvm::formatv("{0} B", bytes);
  if (bytes < 1024 * 1024)
    return llvm::formatv("{0:f1} KiB", bytes / 1024.0);
  return llvm::formatv("{0:f2} MiB", bytes / 1048576.0);
}

StringRef text(const flatbuffers::String *string) {
  return string ? StringRef(string->c_str(), string->size()) : "";
}

std::string hex(const Sha256 *hash) {
  return hash ? llvm::toHex(llvm::ArrayRef(hash->bytes()->Data(), 32), /*LowerCase=*/true) : "";
}

template <typename V> auto rows(const V *vector) {
  return llvm::map_range(llvm::seq<uint32_t>(0, count(vector)),
                         [vector](uint32_t i) { return vector->Get(i); });
}

/// What runs where in one entry, and what moves between memory spaces in a run.
struct Cut {
  struct Share {
    uint32_t launches = 0;
    uint64_t flops = 0;
  };
  struct Transfer {
    const Instruction *step;
    uint32_t from, to; ///< spaces
    uint64_t bytes;
  };
  std::vector<Share> shares; ///< by target
  std::vector<Transfer> transfers;
};

class Inspector {
public:
  Inspector(StringRef path, llvm::ArrayRef<char> file, const Program *program,
            const uint8_t *segments)
      : path(path), file(file), program(program), segments(segments), dimsText(program) {}

  llvm::Error verifyConstants() const;
  void print(llvm::raw_ostream &out, bool disassemble) const;
  llvm::json::Object json(bool disassemble) const;

private:
  void printEntry(llvm::raw_ostream &out, const Entry *entry) const;
  void printSteps(llvm::raw_ostream &out, const Plan *plan, const Entry *entry) const;
  Cut cutOf(const Plan *plan, const Entry *entry) const;
  void printCut(llvm::raw_ostream &out, const Plan *plan, const Entry *entry) const;
  std::string refText(const Plan *plan, const Entry *entry, const Instruction *step,
                      uint32_t index) const;
  std::string sizeText(const Entry *entry, const Instruction *step, uint32_t index) const;
  std::string layersText(const flatbuffers::Vector<uint32_t> *layers) const;
  StringRef targetName(uint32_t target) const {
    return text(program->targets()->Get(target)->name());
  }
  uint64_t bytesOf(bool data) const {
    uint64_t sum = 0;
    for (const Segment *segment : rows(program->segments()))
      sum += (segment->kind() == SegmentKind::data) == data ? segment->size() : 0;
    return sum;
  }
  static const char *kindText(SegmentKind kind) {
    return kind == SegmentKind::code ? "code" : kind == SegmentKind::binary ? "binary" : "weights";
  }
  uint64_t fileOffset(const Segment *segment) const {
    return segments - reinterpret_cast<const uint8_t *>(file.data()) + segment->offset();
  }

  std::string path;
  llvm::ArrayRef<char> file;
  const Program *program;
  const uint8_t *segments;
  DimsText dimsText;
};

llvm::Error Inspector::verifyConstants() const {
  for (auto [i, segment] : llvm::enumerate(rows(program->segments()))) {
    std::array<uint8_t, 32> hash =
        llvm::SHA256::hash({segments + segment->offset(), segment->size()});
    if (memcmp(hash.data(), segment->sha256()->bytes()->Data(), 32))
      return llvm::createStringError(llvm::formatv(
          "'{0}' is damaged: the {1} in bytes {2} to {3} do not have their hash", path,
          kindText(segment->kind()), fileOffset(segment), fileOffset(segment) + segment->size()));
  }
  return llvm::Error::success();
}

std::string Inspector::layersText(const flatbuffers::Vector<uint32_t> *layers) const {
  std::string result;
  for (uint32_t layer : rows(layers))
    result += (result.empty() ? "" : " ") + text(program->layers()->Get(layer)).str();
  return result;
}

/// "in:image", "out:logits", "a+4096", "w:conv1.weight", "v:cache"
std::string Inspector::refText(const Plan *plan, const Entry *entry, const Instruction *step,
                               uint32_t index) const {
  const BufferRef *ref = step->buffers()->Get(index);
  const Placement *placement = count(step->placements()) ? step->placements()->Get(index) : nullptr;
  std::string offset = placement && placement->offset() >= 0
                           ? dimsText.row(entry, placement->offset())
                           : std::to_string(ref->offset());
  auto named = [&](const char *kind, StringRef name) {
    return std::string(kind) + name.str() + (offset == "0" ? "" : "+" + offset);
  };
  switch (ref->kind()) {
  case BufferKind::arena:
    return "a" + (ref->index() ? std::to_string(ref->index()) : "") + "+" + offset;
  case BufferKind::constant:
    return named("w:", text(plan->constants()->Get(ref->index())->name()));
  case BufferKind::input:
    return named("in:", text(entry->inputs()->Get(ref->index())->name()));
  case BufferKind::output:
    return named("out:", text(entry->outputs()->Get(ref->index())->name()));
  case BufferKind::variable:
    return named("v:", text(plan->variables()->Get(ref->index())->name()));
  case BufferKind::none:
    break;
  }
  return "?";
}

/// "4.0 KiB", or "e7 bytes".
std::string Inspector::sizeText(const Entry *entry, const Instruction *step, uint32_t index) const {
  const Placement *placement = count(step->placements()) ? step->placements()->Get(index) : nullptr;
  return placement && placement->size() >= 0 ? dimsText.row(entry, placement->size()) + " bytes"
                                             : size(step->buffers()->Get(index)->size());
}

void Inspector::printEntry(llvm::raw_ostream &out, const Entry *entry) const {
  auto list = [&](const auto *tensors) {
    llvm::interleaveComma(rows(tensors), out, [&](const Tensor *tensor) {
      out << text(tensor->name()) << ": " << dimsText.type(tensor->type(), tensor->dims());
    });
  };
  out << "entry " << text(entry->name()) << '(';
  list(entry->inputs());
  out << ") -> (";
  list(entry->outputs());
  out << ")\n";
  if (count(entry->dims()))
    out << "dims " << dimsText.names(entry)
        << "; sizes of memory and work are at their upper bounds\n";
}

Cut Inspector::cutOf(const Plan *plan, const Entry *entry) const {
  Cut cut;
  cut.shares.resize(count(program->targets()));
  for (const Instruction *step : rows(entry->instructions())) {
    if (step->op() == Op::launch) {
      const Kernel *kernel = plan->kernels()->Get(step->kernel());
      ++cut.shares[kernel->target()].launches;
      cut.shares[kernel->target()].flops += kernel->flops();
    } else if (step->op() == Op::copy || step->op() == Op::strided_copy) {
      const BufferRef *to = step->buffers()->Get(0), *from = step->buffers()->Get(1);
      if (spaceOf(plan, *to) != spaceOf(plan, *from))
        cut.transfers.push_back({step, spaceOf(plan, *from), spaceOf(plan, *to), to->size()});
    }
  }
  return cut;
}

/// Only of programs for several memory spaces.
void Inspector::printCut(llvm::raw_ostream &out, const Plan *plan, const Entry *entry) const {
  if (count(plan->spaces()) < 2)
    return;
  Cut cut = cutOf(plan, entry);
  uint64_t bytes = 0;
  for (const Cut::Transfer &transfer : cut.transfers)
    bytes += transfer.bytes;
  out << "cut\n";
  for (uint32_t index : *plan->targets())
    out << llvm::formatv("  {0,-14}  {1,4} launches  {2,10:f2} MFLOP\n", targetName(index),
                         cut.shares[index].launches, cut.shares[index].flops / 1e6);
  out << llvm::formatv("  {0,-14}  {1,4} a run     {2,10}\n", "transfers", cut.transfers.size(),
                       size(bytes));
  for (const Cut::Transfer &transfer : cut.transfers)
    out << llvm::formatv("    {0,-28}  {1,10}  {2}\n",
                         (text(plan->spaces()->Get(transfer.from)->name()) + " to " +
                          text(plan->spaces()->Get(transfer.to)->name()))
                             .str(),
                         size(transfer.bytes), layersText(transfer.step->layers()));
}

void Inspector::printSteps(llvm::raw_ostream &out, const Plan *plan, const Entry *entry) const {
  struct Row {
    std::string cells[6];
  };
  std::vector<Row> table = {{{"kernel", "layers", "reads", "writes", "tiles", "scratch"}}};
  for (const Instruction *step : rows(entry->instructions())) {
    Row row;
    row.cells[1] = layersText(step->layers());
    uint32_t writes = 0;
    switch (step->op()) {
    case Op::launch: {
      const Kernel *kernel = plan->kernels()->Get(step->kernel());
      row.cells[0] = text(kernel->name()).str();
      if (kernel->target() != plan->targets()->Get(0))
        row.cells[0] += " (" + targetName(kernel->target()).str() + ")";
      writes = std::min(kernel->num_results(), count(step->buffers()));
      if (step->tiles())
        row.cells[4] = dimsText.extent(entry, step->tiles());
      if (kernel->scratch_per_worker() || kernel->scratch_per_launch())
        row.cells[5] =
            size(kernel->scratch_per_worker()) + " + " + size(kernel->scratch_per_launch());
      break;
    }
    case Op::copy:
    case Op::strided_copy: {
      const BufferRef *to = step->buffers()->Get(0), *from = step->buffers()->Get(1);
      bool transfer = spaceOf(plan, *to) != spaceOf(plan, *from);
      row.cells[0] = transfer ? "transfer" : step->op() == Op::copy ? "copy" : "strided copy";
      row.cells[2] = refText(plan, entry, step, 1);
      row.cells[3] = refText(plan, entry, step, 0) + " " + sizeText(entry, step, 0);
      table.push_back(std::move(row));
      continue;
    }
    case Op::jump_if_false:
      row.cells[0] = "unless: go to " + std::to_string(step->target());
      break;
    case Op::jump:
      row.cells[0] = "go to " + std::to_string(step->target());
      break;
    default:
      row.cells[0] = EnumNameOp(step->op());
    }
    uint32_t buffers = count(step->buffers());
    for (uint32_t i = 0; i < buffers; ++i) {
      bool written = i >= buffers - writes;
      std::string &cell = row.cells[written ? 3 : 2];
      cell += (cell.empty() ? "" : "  ") + refText(plan, entry, step, i);
      if (written)
        cell += " " + sizeText(entry, step, i);
    }
    table.push_back(std::move(row));
  }
  size_t widths[6] = {};
  for (const Row &row : table)
    for (int i = 0; i < 6; ++i)
      widths[i] = std::max(widths[i], row.cells[i].size());
  for (auto [i, row] : llvm::enumerate(table)) {
    std::string line = i ? llvm::formatv("{0,4}", i - 1).str() : "   #";
    for (int k = 0; k < 6; ++k)
      line += "  " + row.cells[k] + std::string(widths[k] - row.cells[k].size(), ' ');
    out << StringRef(line).rtrim() << '\n';
  }
  if (count(entry->dims()))
    dimsText.printTable(out << "expressions, computed once per run\n", entry);
}

void Inspector::print(llvm::raw_ostream &out, bool disassemble) const {
  const Provenance *from = program->provenance();
  out << "program " << llvm::sys::path::filename(path);
  if (from) {
    out << "   " << text(from->compiler());
    if (from->source_name())
      out << "   source " << text(from->source_name());
    if (from->source_sha256())
      out << " sha256:" << hex(from->source_sha256()).substr(0, 16) << "…";
  }
  out << "   targets";
  for (const Target *target : rows(program->targets()))
    out << ' ' << text(target->name());
  out << '\n';
  if (from && count(from->options()))
    out << "options " << text(from->options()) << '\n';
  for (auto [i, plan] : llvm::enumerate(rows(program->plans()))) {
    if (count(program->plans()) > 1)
      out << "plan " << i << '\n';
    for (const Arena *arena : rows(plan->arenas())) {
      uint64_t bound = arena->lower_bound();
      out << "arena " << size(arena->size()) << " (lower bound " << size(bound)
          << llvm::formatv(", gap {0:f1} %)",
                           bound ? 100.0 * (arena->size() - bound) / bound : 0.0);
      if (arena->space())
        out << " in " << text(plan->spaces()->Get(arena->space())->name());
      out << '\n';
    }
    for (const Variable *variable : rows(plan->variables()))
      out << "variable " << text(variable->name()) << ": "
          << dimsText.type(variable->type(), variable->dims()) << "  " << size(variable->size())
          << '\n';
    for (const Entry *entry : rows(plan->entries())) {
      printEntry(out, entry);
      printCut(out, plan, entry);
      if (disassemble)
        printSteps(out, plan, entry);
    }
    if (!disassemble) {
      out << count(plan->kernels()) << " kernels\n";
      for (const Kernel *kernel : rows(plan->kernels())) {
        std::string layers = layersText(kernel->layers());
        if (layers.size() > 60)
          layers = layers.substr(0, 57) + "…";
        out << llvm::formatv("  {0,-48}  {1,-12}  {2,10}  {3}\n", text(kernel->name()),
                             targetName(kernel->target()),
                             llvm::formatv("{0:f2} MFLOP", kernel->flops() / 1e6).str(), layers);
      }
    }
    out << "code " << size(bytesOf(false)) << " (" << count(plan->kernels())
        << " kernels)   weights " << size(bytesOf(true)) << " (" << count(plan->constants())
        << " constants) mapped at 64 B\n";
  }
  out << "file " << size(file.size()) << '\n';
  out << llvm::formatv(
      "  {0,12}  {1,12}  description\n", uint64_t(kFileHeaderSize),
      size(segments - reinterpret_cast<const uint8_t *>(file.data()) - kFileHeaderSize));
  for (const Segment *segment : rows(program->segments()))
    out << llvm::formatv(
        "  {0,12}  {1,12}  {2}{3}  sha256:{4}…\n", fileOffset(segment), size(segment->size()),
        kindText(segment->kind()),
        segment->kind() == SegmentKind::data ? "" : " for " + targetName(segment->target()).str(),
        hex(segment->sha256()).substr(0, 16));
}

llvm::json::Object Inspector::json(bool disassemble) const {
  using llvm::json::Array;
  using llvm::json::Object;
  // FlatBuffer strings are bytes of the model's; JSON wants UTF-8.
  auto utf8 = [](StringRef bytes) { return llvm::json::fixUTF8(bytes); };
  auto number = [](uint64_t value) { return int64_t(value); };
  auto layerNames = [&](const auto *layers) {
    Array names;
    for (uint32_t layer : rows(layers))
      names.push_back(utf8(text(program->layers()->Get(layer))));
    return names;
  };
  Object root{{"program", utf8(llvm::sys::path::filename(path))}, {"bytes", number(file.size())}};
  if (const Provenance *from = program->provenance())
    root["provenance"] = Object{{"compiler", utf8(text(from->compiler()))},
                                {"options", utf8(text(from->options()))},
                                {"source", utf8(text(from->source_name()))},
                                {"source_bytes", number(from->source_size())},
                                {"source_sha256", hex(from->source_sha256())},
                                {"model", utf8(text(from->model_name()))}};
  Array targets, segmentRows, plans;
  for (const Target *target : rows(program->targets())) {
    Array features;
    for (const flatbuffers::String *feature : rows(target->features()))
      features.push_back(utf8(text(feature)));
    targets.push_back(Object{{"name", utf8(text(target->name()))},
                             {"driver", utf8(text(target->driver()))},
                             {"arch", utf8(text(target->arch()))},
                             {"features", std::move(features)}});
  }
  for (const Segment *segment : rows(program->segments())) {
    Object row{{"kind", kindText(segment->kind())},
               {"file_offset", number(fileOffset(segment))},
               {"bytes", number(segment->size())},
               {"sha256", hex(segment->sha256())}};
    if (segment->kind() != SegmentKind::data)
      row["target"] = utf8(targetName(segment->target()));
    segmentRows.push_back(std::move(row));
  }
  for (const Plan *plan : rows(program->plans())) {
    Array kernels, arenas, variables, constants, entries;
    for (const Kernel *kernel : rows(plan->kernels()))
      kernels.push_back(Object{{"name", utf8(text(kernel->name()))},
                               {"target", utf8(targetName(kernel->target()))},
                               {"segment", number(kernel->segment())},
                               {"entry", number(kernel->entry())},
                               {"layers", layerNames(kernel->layers())},
                               {"strategy", utf8(text(kernel->strategy()))},
                               {"flops", number(kernel->flops())},
                               {"bytes", number(kernel->bytes())},
                               {"scratch_per_worker", number(kernel->scratch_per_worker())},
                               {"scratch_per_launch", number(kernel->scratch_per_launch())}});
    for (const Arena *arena : rows(plan->arenas()))
      arenas.push_back(Object{{"space", utf8(text(plan->spaces()->Get(arena->space())->name()))},
                              {"bytes", number(arena->size())},
                              {"lower_bound", number(arena->lower_bound())}});
    for (const Variable *variable : rows(plan->variables()))
      variables.push_back(Object{{"name", utf8(text(variable->name()))},
                                 {"type", dimsText.type(variable->type(), variable->dims())},
                                 {"bytes", number(variable->size())}});
    for (const Constant *constant : rows(plan->constants()))
      constants.push_back(
          Object{{"name", utf8(text(constant->name()))},
                 {"offset", number(constant->offset())},
                 {"bytes", number(constant->size())},
                 {"space", utf8(text(plan->spaces()->Get(constant->space())->name()))}});
    for (const Entry *entry : rows(plan->entries())) {
      auto signature = [&](const auto *tensors) {
        Array list;
        for (const Tensor *tensor : rows(tensors)) {
          Array shape;
          for (const SigDim *dim : rows(tensor->dims()))
            if (dim->name() >= 0)
              shape.push_back(utf8(text(program->dim_names()->Get(dim->name()))));
            else
              shape.push_back(dim->max());
          list.push_back(Object{{"name", utf8(text(tensor->name()))},
                                {"dtype", ingot_type_name(static_cast<ingot_type>(tensor->type()))},
                                {"shape", std::move(shape)}});
        }
        return list;
      };
      Object row{{"name", utf8(text(entry->name()))},
                 {"inputs", signature(entry->inputs())},
                 {"outputs", signature(entry->outputs())},
                 {"steps", number(count(entry->instructions()))}};
      if (count(entry->dims()))
        row["dims"] = dimsText.namesJson(entry);
      if (count(plan->spaces()) > 1) {
        Cut cut = cutOf(plan, entry);
        Object shares;
        for (uint32_t index : *plan->targets())
          shares[utf8(targetName(index))] = Object{{"launches", number(cut.shares[index].launches)},
                                                   {"flops", number(cut.shares[index].flops)}};
        Array transfers;
        for (const Cut::Transfer &transfer : cut.transfers)
          transfers.push_back(
              Object{{"from", utf8(text(plan->spaces()->Get(transfer.from)->name()))},
                     {"to", utf8(text(plan->spaces()->Get(transfer.to)->name()))},
                     {"bytes", number(transfer.bytes)},
                     {"layers", layerNames(transfer.step->layers())}});
        row["cut"] = Object{{"targets", std::move(shares)}, {"transfers", std::move(transfers)}};
      }
      if (disassemble) {
        Array steps;
        for (const Instruction *step : rows(entry->instructions())) {
          Array buffers;
          for (uint32_t i = 0; i < count(step->buffers()); ++i) {
            Object buffer{{"at", utf8(refText(plan, entry, step, i))},
                          {"bytes", number(step->buffers()->Get(i)->size())}};
            if (count(step->placements()) && step->placements()->Get(i)->size() >= 0)
              buffer["bytes_expression"] =
                  utf8(dimsText.row(entry, step->placements()->Get(i)->size()));
            buffers.push_back(std::move(buffer));
          }
          Object instruction{{"op", EnumNameOp(step->op())},
                             {"buffers", std::move(buffers)},
                             {"layers", layerNames(step->layers())}};
          if (step->op() == Op::launch)
            instruction["kernel"] = number(step->kernel());
          if (step->op() == Op::jump || step->op() == Op::jump_if_false)
            instruction["target"] = number(step->target());
          if (step->tiles())
            instruction["tiles"] = dimsText.extentJson(entry, step->tiles());
          if (count(step->dims())) {
            Array dims;
            for (const Extent *dim : *step->dims())
              dims.push_back(dimsText.extentJson(entry, dim));
            instruction["dims"] = std::move(dims);
          }
          steps.push_back(std::move(instruction));
        }
        row["instructions"] = std::move(steps);
        if (count(entry->dims()))
          row["expressions"] = dimsText.tableJson(entry);
      }
      entries.push_back(std::move(row));
    }
    plans.push_back(Object{{"arenas", std::move(arenas)},
                           {"constants", std::move(constants)},
                           {"variables", std::move(variables)},
                           {"kernels", std::move(kernels)},
                           {"entries", std::move(entries)}});
  }
  root["targets"] = std::move(targets);
  root["segments"] = std::move(segmentRows);
  root["plans"] = std::move(plans);
  return root;
}

} // namespace

bool ingot::isProgramFile(StringRef bytes) {
  return bytes.starts_with(StringRef(kFileMagic, sizeof(kFileMagic)));
}

llvm::Error ingot::inspectProgram(StringRef path, const InspectProgramOptions &options,
                                  llvm::raw_ostream &out) {
  auto file = mapFile(path);
  if (!file)
    return file.takeError();
  llvm::ArrayRef<char> bytes((*file)->getBufferStart(), (*file)->getBufferSize());
  const Program *program = nullptr;
  const uint8_t *segments = nullptr;
  ingot_error error{};
  if (verifyProgram(bytes.data(), bytes.size(), path.str().c_str(), program, segments, &error) !=
      INGOT_OK)
    return llvm::createStringError(error.text);
  Inspector inspector(path, bytes, program, segments);
  if (options.verify)
    if (llvm::Error damaged = inspector.verifyConstants())
      return damaged;
  if (options.json) {
    llvm::json::Object root = inspector.json(options.disassemble);
    if (options.verify)
      root["verified"] = true;
    out << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
    return llvm::Error::success();
  }
  inspector.print(out, options.disassemble);
  if (options.verify)
    out << "every hash is right\n";
  return llvm::Error::success();
}
