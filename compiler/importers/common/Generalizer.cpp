// See Generalizer.h.
#include "compiler/importers/common/Generalizer.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

LogicalResult Generalizer::unknown(Location loc, const Twine &what, ArrayRef<int64_t> numbers) {
  InFlightDiagnostic diagnostic =
      mlir::emitError(loc) << what.str() << " depends on the dims in a way that is not known";
  std::string seen;
  std::vector<std::string> names;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == kNotSampled)
      continue;
    if (i < 3)
      seen +=
          (seen.empty() ? " (" : "; ") + std::to_string(numbers[i]) + " at " + sizes.describe(i);
    if (numbers[i] != numbers[0])
      for (std::string &name : sizes.changed(i))
        if (!llvm::is_contained(names, name))
          names.push_back(std::move(name));
  }
  diagnostic << seen << (seen.empty() ? "" : ")");
  suggestFixedSize(diagnostic, names, modules[0]);
  return diagnostic;
}

Value Generalizer::lookup(const std::vector<Operation *> &ops, unsigned operand) {
  ValueTuple tuple;
  for (Operation *op : ops)
    tuple.push_back(op ? op->getOperand(operand) : Value());
  if (isa<BlockArgument>(tuple[0]))
    return arguments.lookup(tuple[0]);
  auto found = values.find(tuple);
  return found == values.end() ? Value() : found->second;
}

FailureOr<Type> Generalizer::generalType(Location loc, ArrayRef<Type> types,
                                         ArrayRef<DimExpr> near) {
  auto first = dyn_cast<RankedTensorType>(types[0]);
  SmallVector<DimExpr> extents;
  for (Type type : types) {
    auto tensor = dyn_cast_or_null<RankedTensorType>(type);
    if (type && (first ? !tensor || tensor.getRank() != first.getRank() ||
                             tensor.getElementType() != first.getElementType()
                       : type != types[0]))
      return mlir::emitError(loc) << "the rank or element type of a value depends on the dims",
             failure();
  }
  if (!first)
    return types[0];
  for (int64_t d = 0; d < first.getRank(); ++d) {
    SampledNumber numbers;
    for (Type type : types)
      numbers.push_back(type ? cast<RankedTensorType>(type).getDimSize(d) : kNotSampled);
    std::optional<DimExpr> extent = sizes.fit(numbers, near);
    if (!extent)
      return LogicalResult(unknown(loc, "extent " + Twine(d) + " of a result", numbers));
    extents.push_back(*extent);
  }
  return Type(tensorType(extents, first.getElementType()));
}

static SmallVector<Type> typesOf(const MatchedOp &op, unsigned result) {
  SmallVector<Type> types;
  for (Operation *sample : op.ops)
    types.push_back(sample ? sample->getResult(result).getType() : Type());
  return types;
}

/// A reshape's result: groups of dims with as many elements on both sides are told apart, and the
/// last open extent of a group is what is left of it.
FailureOr<SmallVector<DimExpr>> Generalizer::reshaped(const MatchedOp &op, RankedTensorType from) {
  SmallVector<DimExpr> in = extentsOf(from), out;
  auto fromTypes = [&](size_t i) {
    return cast<RankedTensorType>(op.ops[i]->getOperand(0).getType());
  };
  auto toTypes = [&](size_t i) {
    return cast<RankedTensorType>(op.ops[i]->getResult(0).getType());
  };
  size_t rank = toTypes(0).getRank(), inRank = in.size();
  for (size_t i = 0; i < op.ops.size(); ++i)
    if (op.ops[i] && (static_cast<size_t>(toTypes(i).getRank()) != rank ||
                      static_cast<size_t>(fromTypes(i).getRank()) != inRank))
      return mlir::emitError(op.ops[0]->getLoc()) << "the rank of a value depends on the dims",
             failure();
  auto product = [&](size_t i, RankedTensorType type, size_t begin, size_t end) {
    int64_t result = 1;
    for (size_t d = begin; d < end; ++d)
      result *= type.getDimSize(d);
    (void)i;
    return result;
  };
  size_t inAt = 0, outAt = 0;
  while (outAt < rank) {
    // The smallest groups of equal size, at every sample.
    size_t inEnd = inRank, outEnd = rank;
    bool found = false;
    for (size_t b = outAt + 1; b <= rank && !found; ++b)
      for (size_t a = inAt; a <= inRank && !found; ++a) {
        bool equal = true;
        for (size_t i = 0; i < op.ops.size() && equal; ++i)
          equal =
              !op.ops[i] || product(i, fromTypes(i), inAt, a) == product(i, toTypes(i), outAt, b);
        if (equal) {
          inEnd = a;
          outEnd = b;
          found = true;
        }
      }
    if (outEnd == rank)
      inEnd = inRank;
    DimExpr whole = 1, rest = 1;
    SmallVector<DimExpr> near(in.begin() + inAt, in.begin() + inEnd);
    for (const DimExpr &extent : near)
      whole *= extent;
    SmallVector<std::optional<DimExpr>> group;
    std::optional<size_t> open; // the last one without a number
    for (size_t d = outAt; d < outEnd; ++d) {
      SampledNumber numbers;
      for (size_t i = 0; i < op.ops.size(); ++i)
        numbers.push_back(op.ops[i] ? toTypes(i).getDimSize(d) : kNotSampled);
      group.push_back(sizes.fit(numbers, near));
      if (!group.back() || !group.back()->isConstant())
        open = group.size() - 1;
    }
    for (size_t d = 0; d < group.size(); ++d) {
      if (d == open)
        continue;
      if (!group[d])
        return mlir::emitError(op.ops[0]->getLoc())
                   << "extent " << outAt + d
                   << " of a reshape depends on the dims in a way that is not known",
               failure();
      rest *= *group[d];
    }
    if (open) {
      std::optional<DimExpr> left = DimExpr::exactQuotient(whole, rest);
      if (left)
        group[*open] = left;
      else if (!group[*open])
        return mlir::emitError(op.ops[0]->getLoc())
                   << "extent " << outAt + *open << " of a reshape is " << whole.str() << " / "
                   << rest.str() << ", which is no whole number for every size",
               failure();
    }
    for (auto &extent : group)
      out.push_back(*extent);
    inAt = inEnd;
    outAt = outEnd;
  }
  return out;
}

LogicalResult Generalizer::generalizeSlice(const MatchedOp &op, SliceOp copy) {
  SmallVector<DimExpr> near = extentsOf(cast<RankedTensorType>(copy.getInput().getType()));
  SmallVector<DimExpr> starts, counts;
  auto generalize = [&](auto get, SmallVectorImpl<DimExpr> &into, StringRef what) -> LogicalResult {
    for (size_t d = 0; d < near.size(); ++d) {
      SampledNumber numbers;
      for (Operation *sample : op.ops)
        numbers.push_back(sample ? get(cast<SliceOp>(sample))[d] : kNotSampled);
      std::optional<DimExpr> found = sizes.fit(numbers, {near[d]});
      if (!found)
        return unknown(copy.getLoc(), what + " " + Twine(d) + " of a slice", numbers);
      into.push_back(*found);
    }
    return success();
  };
  if (failed(generalize([](SliceOp s) { return s.getStarts(); }, starts, "start")) ||
      failed(generalize([](SliceOp s) { return s.getSizes(); }, counts, "size")))
    return failure();
  SliceAttrs attrs = sliceAttrs(copy.getContext(), starts, counts);
  copy.setStarts(attrs.starts);
  copy.setSizes(attrs.sizes);
  if (attrs.dims)
    copy.setDimsAttr(attrs.dims);
  return success();
}

LogicalResult Generalizer::generalizeAttributes(const MatchedOp &op, Operation *copy) {
  DictionaryAttr first = op.ops[0]->getAttrDictionary();
  bool same = llvm::all_of(
      op.ops, [&](Operation *sample) { return !sample || sample->getAttrDictionary() == first; });
  if (same)
    return success();
  if (auto slice = dyn_cast<SliceOp>(copy))
    return generalizeSlice(op, slice);
  for (NamedAttribute attribute : first)
    for (size_t i = 1; i < op.ops.size(); ++i)
      if (op.ops[i] && op.ops[i]->getAttr(attribute.getName()) != attribute.getValue()) {
        std::string one, other;
        llvm::raw_string_ostream(one) << attribute.getValue();
        llvm::raw_string_ostream(other) << op.ops[i]->getAttr(attribute.getName());
        InFlightDiagnostic diagnostic = mlir::emitError(copy->getLoc())
                                        << "'" << attribute.getName().getValue() << "' of "
                                        << copy->getName().getStringRef() << " depends on dim '"
                                        << llvm::join(sizes.changed(i), "', '") << "' (" << one
                                        << " and " << other << "), which is not supported";
        suggestFixedSize(diagnostic, sizes.changed(i), modules[0]);
        return diagnostic;
      }
  return success();
}

LogicalResult Generalizer::setTypes(const MatchedOp &op, Operation *copy) {
  std::optional<RegisteredOperationName> registered = copy->getName().getRegisteredInfo();
  SmallVector<Type> types;
  SmallVector<DimExpr> near;
  for (Value operand : copy->getOperands())
    if (auto tensor = dyn_cast<RankedTensorType>(operand.getType()))
      near.append(extentsOf(tensor));
  auto *inference = registered ? registered->getInterface<InferTypeOpInterface>() : nullptr;
  if (inference) {
    if (failed(inference->inferReturnTypes(copy->getContext(), copy->getLoc(), copy->getOperands(),
                                           copy->getDiscardableAttrDictionary(),
                                           copy->getPropertiesStorage(), copy->getRegions(),
                                           types)))
      return failure();
    // What is inferred must be what each import found.
    for (auto [n, type] : llvm::enumerate(types)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      for (size_t i = 0; tensor && i < op.ops.size(); ++i)
        for (auto [d, extent] : llvm::enumerate(extentsOf(tensor))) {
          auto seen =
              op.ops[i] ? cast<RankedTensorType>(op.ops[i]->getResult(n).getType()) : tensor;
          if (op.ops[i] && sizes.at(i, extent) != seen.getDimSize(d))
            return mlir::emitError(copy->getLoc())
                   << "extent " << d << " of a result is " << extent.str() << ", but "
                   << seen.getDimSize(d) << " at " << sizes.describe(i);
        }
    }
  } else if (isa<ReshapeOp>(copy)) {
    auto from = cast<RankedTensorType>(copy->getOperand(0).getType());
    FailureOr<SmallVector<DimExpr>> extents = reshaped(op, from);
    if (failed(extents))
      return failure();
    types.push_back(tensorType(*extents, from.getElementType()));
  } else {
    for (unsigned n = 0; n < copy->getNumResults(); ++n) {
      FailureOr<Type> type = generalType(copy->getLoc(), typesOf(op, n), near);
      if (failed(type))
        return failure();
      types.push_back(*type);
    }
  }
  for (auto [result, type] : llvm::zip(copy->getResults(), types)) {
    result.setType(type);
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      for (const DimExpr &extent : extentsOf(tensor))
        sizes.learn(extent);
  }
  return success();
}

LogicalResult Generalizer::buildConstant(const MatchedOp &op) {
  Operation *first = op.values[0].getDefiningOp();
  auto weightOf = [](Value value) {
    auto constant = value ? value.getDefiningOp<ConstantOp>() : ConstantOp();
    return constant ? constant.getValue() : Attribute();
  };
  Attribute attribute = weightOf(op.values[0]);
  auto isSame = [&](Value value) {
    Attribute other = weightOf(value);
    auto a = dyn_cast_or_null<WeightAttr>(attribute), b = dyn_cast_or_null<WeightAttr>(other);
    // A package's inflated member is a source of its own in each import.
    return !value ||
           (attribute && other == attribute && value.getType() == op.values[0].getType()) ||
           (a && b && a.getHash() == b.getHash() && a.getStored() == b.getStored() &&
            a.getRecipe() == b.getRecipe());
  };
  Value &into = values[op.values];
  if (attribute && llvm::all_of(op.values, isSame)) {
    into = builder.clone(*first)->getResult(0);
    return success();
  }
  SmallVector<std::optional<TensorValue>> samples;
  for (Value value : op.values)
    samples.push_back(value ? match.constant(value) : std::nullopt);
  for (size_t i = 0; i < sizes.required(); ++i)
    if (!samples[i])
      return mlir::emitError(first->getLoc())
             << "a constant depends on the dims, and is too large to be looked into";
  into = constants.build(builder, first->getLoc(), samples);
  if (into)
    return success();
  SmallVector<std::string> names;
  for (size_t i = 1; i < samples.size(); ++i)
    if (samples[i] &&
        (samples[i]->type != samples[0]->type || samples[i]->raw() != samples[0]->raw()))
      for (std::string &name : sizes.changed(i))
        if (!llvm::is_contained(names, name))
          names.push_back(std::move(name));
  InFlightDiagnostic diagnostic = mlir::emitError(first->getLoc())
                                  << "a constant of shape " << show(extentsOf(samples[0]->type))
                                  << " depends on dim '" << llvm::join(names, "', '")
                                  << "' in a way that is not known";
  suggestFixedSize(diagnostic, names, modules[0]);
  return diagnostic;
}

/// A number of elements that depends on dims: as many as it can be are found, and the first of them
/// taken.
LogicalResult Generalizer::buildTopK(const MatchedOp &op, TopKOp copy) {
  SampledNumber numbers;
  for (Operation *sample : op.ops)
    numbers.push_back(sample ? cast<TopKOp>(sample).getK() : kNotSampled);
  std::optional<DimExpr> count = sizes.fit(numbers);
  if (!count)
    return unknown(copy.getLoc(), "the number of elements of a top-k", numbers);
  copy.setK(rangeOf(*count, bounds).high);
  SmallVector<Type> types;
  if (failed(TopKOp::inferReturnTypes(copy->getContext(), copy.getLoc(), copy->getOperands(),
                                      copy->getDiscardableAttrDictionary(),
                                      copy->getPropertiesStorage(), {}, types)))
    return failure();
  for (auto [n, type] : llvm::enumerate(types)) {
    copy->getResult(n).setType(type);
    SmallVector<DimExpr> extents = extentsOf(cast<RankedTensorType>(type));
    extents[copy.getAxis()] = *count;
    sizes.learn(*count);
    Value part = createSlice(builder, copy.getLoc(), copy->getResult(n),
                             SmallVector<DimExpr>(extents.size(), 0), extents,
                             SmallVector<int64_t>(extents.size(), 1));
    ValueTuple tuple;
    for (Operation *sample : op.ops)
      tuple.push_back(sample ? sample->getResult(n) : Value());
    values[tuple] = part;
  }
  return verify(copy);
}

LogicalResult Generalizer::buildRegions(const MatchedOp &op, Operation *copy) {
  auto branch = dyn_cast<scf::IfOp>(copy);
  auto loop = dyn_cast<scf::WhileOp>(copy);
  if (!branch && !loop)
    return mlir::emitError(copy->getLoc())
           << copy->getName().getStringRef() << " with dims that vary is not supported";
  for (unsigned r = 0; r < copy->getNumRegions(); ++r) {
    if (op.ops[0]->getRegion(r).empty())
      continue;
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&copy->getRegion(r));
    std::vector<Block *> samples;
    for (Operation *sample : op.ops)
      samples.push_back(sample ? &sample->getRegion(r).front() : nullptr);
    // A loop's values have one type before it, in it and after it.
    for (BlockArgument argument : samples[0]->getArguments())
      arguments[argument] = block->addArgument(copy->getOperand(argument.getArgNumber()).getType(),
                                               argument.getLoc());
    if (failed(buildBlock(samples, block)))
      return failure();
  }
  ValueRange given = branch ? branch.thenYield()->getOperands() : loop.getYieldOp().getOperands();
  for (auto [n, value] : llvm::enumerate(given)) {
    auto type = cast<RankedTensorType>(value.getType());
    if (loop && type != loop.getInits()[n].getType())
      return mlir::emitError(copy->getLoc())
             << "value " << n << " of this loop has shape "
             << show(extentsOf(cast<RankedTensorType>(loop.getInits()[n].getType())))
             << " before a trip and " << show(extentsOf(type)) << " after it";
    copy->getResult(n).setType(type);
  }
  return success();
}

LogicalResult Generalizer::build(const MatchedOp &op) {
  if (op.isConstant)
    return buildConstant(op);
  Operation *first = op.ops[0];
  IRMapping mapping;
  SmallVector<Value> operands;
  for (unsigned n = 0; n < first->getNumOperands(); ++n) {
    Value value = lookup(op.ops, n);
    assert(value && "operands are matched before their users");
    operands.push_back(value);
  }
  Operation *copy = first->cloneWithoutRegions(mapping);
  copy->setOperands(operands);
  builder.insert(copy);
  auto top = dyn_cast<TopKOp>(copy);
  if (top && llvm::any_of(op.ops, [&](Operation *sample) {
        return sample && cast<TopKOp>(sample).getK() != top.getK();
      }))
    return buildTopK(op, top);
  if (failed(generalizeAttributes(op, copy)))
    return failure();
  if (copy->getNumRegions() ? failed(buildRegions(op, copy)) : failed(setTypes(op, copy)))
    return failure();
  if (failed(verify(copy)))
    return failure();
  for (unsigned n = 0; n < first->getNumResults(); ++n) {
    ValueTuple tuple;
    for (Operation *sample : op.ops)
      tuple.push_back(sample ? sample->getResult(n) : Value());
    values[tuple] = copy->getResult(n);
  }
  return success();
}

LogicalResult Generalizer::buildBlock(const std::vector<Block *> &samples, Block *into) {
  builder.setInsertionPointToEnd(into);
  for (Operation &op : *samples[0])
    for (const MatchedOp *matched : match.at(&op))
      if (failed(build(*matched)))
        return failure();
  std::vector<Operation *> ends;
  Operation *first = samples[0]->getTerminator();
  for (Block *block : samples) {
    Operation *end = block ? block->getTerminator() : nullptr;
    ends.push_back(end && end->getNumOperands() == first->getNumOperands() ? end : nullptr);
  }
  SmallVector<Value> operands;
  for (unsigned n = 0; n < first->getNumOperands(); ++n)
    operands.push_back(lookup(ends, n));
  Operation *end = first->clone();
  end->setOperands(operands);
  builder.insert(end);
  return success();
}

LogicalResult Generalizer::checkResults(func::FuncOp forward) {
  for (auto [i, module] : llvm::enumerate(modules)) {
    auto sample = ModuleOp(module).lookupSymbol<func::FuncOp>("forward");
    for (auto [n, type] : llvm::enumerate(sample.getResultTypes()))
      for (auto [d, extent] :
           llvm::enumerate(extentsOf(cast<RankedTensorType>(forward.getResultTypes()[n])))) {
        auto seen = dyn_cast<RankedTensorType>(type);
        if (seen && seen.getRank() > static_cast<int64_t>(d) &&
            sizes.at(i, extent) == seen.getDimSize(d))
          continue;
        InFlightDiagnostic diagnostic =
            forward.emitError() << "extent " << d << " of result " << n << " is " << extent.str()
                                << " in general, but the model is another at " << sizes.describe(i);
        suggestFixedSize(diagnostic, sizes.changed(i), modules[0]);
        return diagnostic;
      }
  }
  return success();
}

FailureOr<OwningOpRef<ModuleOp>> Generalizer::run() {
  if (failed(match.run()))
    return failure();
  OwningOpRef<ModuleOp> module = cast<ModuleOp>(ModuleOp(modules[0])->cloneWithoutRegions());
  builder.createBlock(&module->getBodyRegion());
  ModuleOp base = modules[0];
  auto first = base.lookupSymbol<func::FuncOp>("forward");
  for (auto variable : base.getOps<VariableOp>())
    builder.clone(*variable);
  auto forward = cast<func::FuncOp>(builder.insert(first->cloneWithoutRegions()));
  Block *body = builder.createBlock(&forward.getBody());
  SmallVector<Type> types;
  for (BlockArgument argument : first.getArguments()) {
    SmallVector<Type> samples;
    for (Block *block : match.body())
      samples.push_back(block->getArgument(argument.getArgNumber()).getType());
    FailureOr<Type> type = generalType(argument.getLoc(), samples, {});
    if (failed(type))
      return failure();
    types.push_back(*type);
    arguments[argument] = body->addArgument(*type, argument.getLoc());
    for (const DimExpr &extent : extentsOf(cast<RankedTensorType>(*type)))
      sizes.learn(extent);
  }
  if (failed(buildBlock(match.body(), body)))
    return failure();
  forward.setType(builder.getFunctionType(types, body->getTerminator()->getOperandTypes()));
  if (failed(checkResults(forward)))
    return failure();
  return std::move(module);
}
