// See OpTable.h. `T` in a row's text stands for the element type; extents leave a rest beyond every
// register width, so that main loops and remainders are both compiled.
#include "OpTable.h"

namespace ingot::test {
namespace {

using Types = std::vector<std::string>;

const Types kFloats{"f32", "f16", "bf16", "f64"};
const Types kSigned{"i8", "i16", "i32", "i64"};
const Types kUnsigned{"ui8", "ui16", "ui32", "ui64"};
const Types kBool{"i1"};

Types join(std::initializer_list<Types> lists) {
  Types all;
  for (const Types &list : lists)
    all.insert(all.end(), list.begin(), list.end());
  return all;
}
const Types kIntegers = join({kSigned, kUnsigned});
const Types kNumbers = join({kFloats, kIntegers});
const Types kAll = join({kNumbers, kBool});

class Table {
public:
  /// `arguments` → `results`, computed by `body` (which defines %r, and %r1 … when there are more).
  void add(const std::string &op, const Types &types, const std::string &arguments,
           const std::string &results, const std::string &body, const std::string &kind = "") {
    for (const std::string &type : types) {
      std::string values = "%r";
      for (size_t i = 0, n = 0; (i = results.find(", tensor", i)) != std::string::npos; ++i)
        values += ", %r" + std::to_string(++n);
      std::string text = "(" + arguments + ") -> (" + results + ") {\n  " + body +
                         "\n  func.return " + values + " : " + results + "\n}";
      rows.push_back(
          {op, op + (kind.empty() ? "" : "/" + kind) + "/" + type, withType(text, type)});
    }
  }
  /// A row of one operand and a result of its type.
  void unary(const std::string &op, const Types &types, const std::string &attributes = "",
             const std::string &kind = "") {
    add(op, types, "%a: tensor<3x37xT>", "tensor<3x37xT>",
        "%r = ingot." + op + " %a " + attributes + " : tensor<3x37xT>", kind);
  }
  void binary(const std::string &op, const Types &types) {
    add(op, types, "%a: tensor<3x37xT>, %b: tensor<37xT>", "tensor<3x37xT>",
        "%r = ingot." + op + " %a, %b : tensor<3x37xT>, tensor<37xT>");
  }

  std::vector<OpRow> rows;

private:
  static std::string withType(std::string text, const std::string &type) {
    for (size_t at = 0; (at = text.find("xT>", at)) != std::string::npos; at += type.size())
      text.replace(at + 1, 1, type);
    for (size_t at = 0; (at = text.find("<T>", at)) != std::string::npos; at += type.size())
      text.replace(at + 1, 1, type);
    return text;
  }
};

void addElementwise(Table &t) {
  for (const char *op :
       {"sqrt",  "rsqrt",    "reciprocal", "exp",        "exp2",  "expm1", "log",   "log2",
        "log10", "log1p",    "sin",        "cos",        "tan",   "asin",  "acos",  "atan",
        "sinh",  "cosh",     "tanh",       "asinh",      "acosh", "atanh", "erf",   "sigmoid",
        "silu",  "softplus", "mish",       "hard_swish", "ceil",  "floor", "round", "trunc"})
    t.unary(op, kFloats);
  t.unary("abs", kNumbers);
  t.unary("neg", kNumbers);
  t.unary("sign", kNumbers);
  t.unary("not", join({kIntegers, kBool}));
  t.unary("relu", kNumbers);
  t.unary("gelu", kFloats);
  t.unary("gelu", kFloats, "tanh", "tanh");
  t.unary("hard_sigmoid", kFloats, "alpha 0.2 beta 0.5");
  t.unary("elu", kFloats, "alpha 1.5 {scale = 1.1 : f64, input_scale = 0.9 : f64}");
  t.unary("leaky_relu", kFloats, "slope 0.01");
  t.unary("clamp", kNumbers, "min 0.0 max 6.0");
  for (const char *op : {"add", "mul"})
    t.binary(op, kAll);
  for (const char *op : {"sub", "div", "floor_div", "rem", "mod", "max", "min", "pow"})
    t.binary(op, kNumbers);
  t.binary("atan2", kFloats);
  for (const char *op : {"and", "or", "xor"})
    t.binary(op, join({kIntegers, kBool}));
  for (const char *op : {"shl", "shr"})
    t.binary(op, kIntegers);
  for (const char *kind : {"eq", "ne", "lt", "le", "gt", "ge"})
    t.add("cmp", kNumbers, "%a: tensor<3x37xT>, %b: tensor<37xT>", "tensor<3x37xi1>",
          std::string("%r = ingot.cmp ") + kind + " %a, %b : tensor<3x37xT>, tensor<37xT>", kind);
  t.add("select", kAll, "%c: tensor<37xi1>, %a: tensor<3x37xT>, %b: tensor<37xT>", "tensor<3x37xT>",
        "%r = ingot.select %c, %a, %b : tensor<37xi1>, tensor<3x37xT>, tensor<37xT>");
  for (const std::string &to : kAll)
    for (const std::string &from : kAll)
      if (from != to)
        t.add("cast", {from}, "%a: tensor<3x37xT>", "tensor<3x37x" + to + ">",
              "%r = ingot.cast %a : tensor<3x37xT> -> tensor<3x37x" + to + ">", "to-" + to);
  for (const Types &family : {Types{"f64", "i64", "ui64"}, Types{"f32", "i32", "ui32"},
                              Types{"f16", "bf16", "i16", "ui16"}, Types{"i8", "ui8"}})
    for (const std::string &to : family)
      for (const std::string &from : family)
        if (from != to)
          t.add("bitcast", {from}, "%a: tensor<3x37xT>", "tensor<3x37x" + to + ">",
                "%r = ingot.bitcast %a : tensor<3x37xT> -> tensor<3x37x" + to + ">", "to-" + to);
  for (const char *op : {"is_nan", "is_inf"})
    t.add(op, kFloats, "%a: tensor<3x37xT>", "tensor<3x37xi1>",
          std::string("%r = ingot.") + op + " %a : tensor<3x37xT>");
}

void addMoves(Table &t) {
  t.add("reshape", kAll, "%a: tensor<3x37xT>", "tensor<37x3xT>",
        "%0 = ingot.transpose %a [1, 0] : tensor<3x37xT>\n"
        "  %1 = ingot.reshape %0 : tensor<37x3xT> -> tensor<3x37xT>\n"
        "  %r = ingot.transpose %1 [1, 0] : tensor<3x37xT>");
  t.add("broadcast", kAll, "%a: tensor<3x1xT>", "tensor<2x3x37xT>",
        "%r = ingot.broadcast %a : tensor<3x1xT> -> tensor<2x3x37xT>");
  t.add("transpose", kAll, "%a: tensor<2x19x37xT>", "tensor<2x37x19xT>",
        "%r = ingot.transpose %a [0, 2, 1] : tensor<2x19x37xT>");
  t.add("slice", kAll, "%a: tensor<3x80xT>", "tensor<3x37xT>",
        "%r = ingot.slice %a starts [0, 76] sizes [3, 37] steps [1, -2] : tensor<3x80xT>");
  t.add("concat", kAll, "%a: tensor<3x37xT>, %b: tensor<3x5xT>", "tensor<3x42xT>",
        "%r = ingot.concat %a, %b axis 1 : tensor<3x37xT>, tensor<3x5xT>");
  for (const char *mode : {"constant", "reflect", "edge", "wrap"})
    t.add("pad", kAll, "%a: tensor<3x37xT>", "tensor<4x42xT>",
          std::string("%r = ingot.pad %a low [0, 3] high [1, 2] {mode = #ingot<pad_mode ") + mode +
              ">} : tensor<3x37xT>",
          mode);
  t.add("dim", {"i64"}, "", "tensor<T>", "%r = ingot.dim \"7\" : tensor<T>");
  t.add("iota", kNumbers, "", "tensor<3x37xT>",
        "%r = ingot.iota dim 1 {start = 1.0 : f64, step = 2.0 : f64} : tensor<3x37xT>");
  for (const char *index : {"i32", "i64"}) {
    std::string i = index;
    t.add("gather", kAll, "%a: tensor<9x37xT>, %i: tensor<5x" + i + ">", "tensor<5x37xT>",
          "%r = ingot.gather %a[%i] axis 0 : tensor<9x37xT>, tensor<5x" + i + ">", i);
    t.add("gather_elements", kAll, "%a: tensor<9x37xT>, %i: tensor<5x37x" + i + ">",
          "tensor<5x37xT>",
          "%r = ingot.gather_elements %a[%i] axis 0 : tensor<9x37xT>, tensor<5x37x" + i + ">", i);
    t.add("gather_nd", kAll, "%a: tensor<4x9x37xT>, %i: tensor<5x2x" + i + ">", "tensor<5x37xT>",
          "%r = ingot.gather_nd %a[%i] : tensor<4x9x37xT>, tensor<5x2x" + i + ">", i);
  }
  for (const char *kind : {"none", "add", "mul", "max", "min"}) {
    std::string attribute =
        std::string(" {reduction = #ingot<scatter_kind ") + kind + ">} : tensor<9x37xT>, ";
    const Types &types = std::string(kind) == "none" ? kAll : kNumbers;
    t.add("scatter_elements", types, "%a: tensor<9x37xT>, %i: tensor<5x37xi64>, %u: tensor<5x37xT>",
          "tensor<9x37xT>",
          "%r = ingot.scatter_elements %a[%i] = %u axis 0" + attribute +
              "tensor<5x37xi64>, tensor<5x37xT>",
          kind);
    t.add("scatter_nd", types, "%a: tensor<9x37xT>, %i: tensor<5x1xi64>, %u: tensor<5x37xT>",
          "tensor<9x37xT>",
          "%r = ingot.scatter_nd %a[%i] = %u" + attribute + "tensor<5x1xi64>, tensor<5x37xT>",
          kind);
  }
}

void addReductions(Table &t) {
  for (const char *kind : {"sum", "mean", "max", "min", "prod", "any", "all"})
    for (const char *dim : {"0", "1"}) {
      bool logical = kind[0] == 'a', inner = dim[0] == '1';
      t.add("reduce",
            logical                       ? kBool
            : std::string(kind) == "mean" ? kFloats
                                          : kNumbers,
            "%a: tensor<19x37xT>", inner ? "tensor<19xT>" : "tensor<37xT>",
            std::string("%r = ingot.reduce ") + kind + " %a dims [" + dim + "] : tensor<19x37xT>",
            std::string(kind) + "-" + dim);
    }
  for (const char *kind : {"max", "min"})
    for (const char *dim : {"0", "1"})
      t.add("arg_reduce", kNumbers, "%a: tensor<19x37xT>",
            dim[0] == '1' ? "tensor<19xi64>" : "tensor<37xi64>",
            std::string("%r = ingot.arg_reduce ") + kind + " %a axis " + dim + " : tensor<19x37xT>",
            std::string(kind) + "-" + dim);
  t.add("cumsum", kNumbers, "%a: tensor<19x37xT>", "tensor<19x37xT>",
        "%r = ingot.cumsum %a axis 1 : tensor<19x37xT>");
  t.add("topk", kNumbers, "%a: tensor<19x37xT>", "tensor<19x5xT>, tensor<19x5xi64>",
        "%r, %r1 = ingot.topk %a k 5 axis 1 : tensor<19x37xT>");
  for (const char *log : {"", "log "})
    t.add("softmax", kFloats, "%a: tensor<19x37xT>", "tensor<19x37xT>",
          std::string("%r = ingot.softmax ") + log + "%a axis 1 : tensor<19x37xT>",
          *log ? "log" : "");
  for (const char *kind : {"max", "average"})
    for (const char *last : {"", "channels_last "}) {
      bool first = !*last;
      std::string in = first ? "tensor<1x19x9x9xT>" : "tensor<1x9x9x19xT>";
      std::string out = first ? "tensor<1x19x4x4xT>" : "tensor<1x4x4x19xT>";
      t.add("pool", std::string(kind) == "max" ? kNumbers : kFloats, "%a: " + in, out,
            std::string("%r = ingot.pool ") + kind +
                " %a kernel [3, 3] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] " + last +
                ": " + in,
            std::string(kind) + (first ? "" : "-last"));
    }
}

void addNorms(Table &t) {
  t.add("layer_norm", kFloats, "%a: tensor<19x37xT>, %s: tensor<37xT>, %b: tensor<37xT>",
        "tensor<19x37xT>",
        "%r = ingot.layer_norm %a scale %s bias %b axis 1 epsilon 1.0e-5 : tensor<19x37xT>, "
        "tensor<37xT> bias tensor<37xT>");
  t.add("rms_norm", kFloats, "%a: tensor<19x37xT>, %s: tensor<37xT>", "tensor<19x37xT>",
        "%r = ingot.rms_norm %a scale %s axis 1 epsilon 1.0e-5 : tensor<19x37xT>, tensor<37xT>");
  t.add("group_norm", kFloats, "%a: tensor<2x6x37xT>, %s: tensor<6xT>, %b: tensor<6xT>",
        "tensor<2x6x37xT>",
        "%r = ingot.group_norm %a scale %s bias %b groups 3 epsilon 1.0e-5 : tensor<2x6x37xT>, "
        "tensor<6xT> bias tensor<6xT>");
  t.add("batch_norm", kFloats,
        "%a: tensor<2x6x37xT>, %s: tensor<6xT>, %b: tensor<6xT>, %m: tensor<6xT>, %v: tensor<6xT>",
        "tensor<2x6x37xT>",
        "%r = ingot.batch_norm %a, %s, %b, %m, %v epsilon 1.0e-5 : tensor<2x6x37xT>, tensor<6xT>, "
        "tensor<6xT>, tensor<6xT>, tensor<6xT>");
  for (const char *mode : {"nearest", "linear", "cubic"})
    t.add("resize", std::string(mode) == "nearest" ? kAll : kFloats, "%a: tensor<1x3x9x9xT>",
          "tensor<1x3x18x18xT>",
          std::string("%r = ingot.resize ") + mode +
              " %a scales [1.0, 1.0, 2.0, 2.0] half_pixel : tensor<1x3x9x9xT> -> "
              "tensor<1x3x18x18xT>",
          mode);
}

void addContractions(Table &t) {
  t.add("matmul", kFloats, "%a: tensor<7x19xT>, %w: tensor<37x19xT>, %b: tensor<37xT>",
        "tensor<7x37xT>",
        "%r = ingot.matmul %a, %w transpose_b bias %b : tensor<7x19xT>, tensor<37x19xT>, "
        "tensor<37xT>");
  t.add("matmul", join({{"i8", "ui8", "i32"}}), "%a: tensor<7x19xT>, %w: tensor<19x37xT>",
        "tensor<7x37xi32>", "%r = ingot.matmul %a, %w : tensor<7x19xT>, tensor<19x37xT>",
        "integer");
  t.add("conv", kFloats, "%a: tensor<1x5x9x9xT>, %w: tensor<19x5x3x3xT>, %b: tensor<19xT>",
        "tensor<1x19x9x9xT>",
        "%r = ingot.conv %a, %w bias %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 "
        ": tensor<1x5x9x9xT>, tensor<19x5x3x3xT>, tensor<19xT>");
  t.add("conv", kFloats, "%a: tensor<1x19x9x9xT>, %w: tensor<19x1x3x3xT>", "tensor<1x19x5x5xT>",
        "%r = ingot.conv %a, %w strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 19 : "
        "tensor<1x19x9x9xT>, tensor<19x1x3x3xT>",
        "depthwise");
  t.add("conv_transpose", kFloats, "%a: tensor<1x5x5x5xT>, %w: tensor<5x19x3x3xT>",
        "tensor<1x19x11x11xT>",
        "%r = ingot.conv_transpose %a, %w strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] "
        "output_padding [0, 0] groups 1 : tensor<1x5x5x5xT>, tensor<5x19x3x3xT>");
  t.add("attention", kFloats,
        "%q: tensor<1x2x7x16xT>, %k: tensor<1x2x9x16xT>, %v: tensor<1x2x9x16xT>",
        "tensor<1x2x7x16xT>",
        "%r = ingot.attention %q, %k, %v scale 0.25 causal : tensor<1x2x7x16xT>, "
        "tensor<1x2x9x16xT>, tensor<1x2x9x16xT>");
  std::string x = "%x: tensor<3x2x5xT>, ", h = "%h: tensor<1x2x7xT>";
  std::string out = "tensor<3x1x2x7xT>, tensor<1x2x7xT>";
  t.add("lstm", kFloats,
        x + "%w: tensor<1x28x5xT>, %u: tensor<1x28x7xT>, %b: tensor<1x28xT>, " + h +
            ", %c: tensor<1x2x7xT>",
        out + ", tensor<1x2x7xT>",
        "%r, %r1, %r2 = ingot.lstm forward (%x, %w, %u, %b, %h, %c) : (tensor<3x2x5xT>, "
        "tensor<1x28x5xT>, tensor<1x28x7xT>, tensor<1x28xT>, tensor<1x2x7xT>, tensor<1x2x7xT>) -> "
        "(tensor<3x1x2x7xT>, tensor<1x2x7xT>, tensor<1x2x7xT>)");
  t.add("gru", kFloats,
        x + "%w: tensor<1x21x5xT>, %u: tensor<1x21x7xT>, %b: tensor<1x21xT>, %d: tensor<1x21xT>, " +
            h,
        out,
        "%r, %r1 = ingot.gru forward (%x, %w, %u, %b, %d, %h) : (tensor<3x2x5xT>, "
        "tensor<1x21x5xT>, tensor<1x21x7xT>, tensor<1x21xT>, tensor<1x21xT>, tensor<1x2x7xT>) -> "
        "(tensor<3x1x2x7xT>, tensor<1x2x7xT>)");
  t.add("rnn", kFloats, x + "%w: tensor<1x7x5xT>, %u: tensor<1x7x7xT>, %b: tensor<1x7xT>, " + h,
        out,
        "%r, %r1 = ingot.rnn forward tanh (%x, %w, %u, %b, %h) : (tensor<3x2x5xT>, "
        "tensor<1x7x5xT>, tensor<1x7x7xT>, tensor<1x7xT>, tensor<1x2x7xT>) -> "
        "(tensor<3x1x2x7xT>, tensor<1x2x7xT>)");
}

void addQuantization(Table &t) {
  for (const std::string &real : {"f32", "f16"})
    for (const char *axis : {"", "axis 1 "}) {
      std::string scale =
          *axis ? "tensor<37x" + std::string(real) + ">" : "tensor<" + std::string(real) + ">";
      std::string zero = *axis ? "tensor<37xT>" : "tensor<T>";
      std::string x = "tensor<3x37x" + std::string(real) + ">";
      std::string kind = std::string(real) + (*axis ? "-axis" : "");
      Types types{"i8", "ui8", "i16", "ui16"};
      t.add("quantize", types, "%a: " + x + ", %s: " + scale + ", %z: " + zero, "tensor<3x37xT>",
            std::string("%r = ingot.quantize %a scale %s zero_point %z ") + axis + ": (" + x +
                ", " + scale + ", " + zero + ") -> tensor<3x37xT>",
            kind);
      types.push_back("i32");
      t.add("dequantize", types, "%a: tensor<3x37xT>, %s: " + scale + ", %z: " + zero, x,
            std::string("%r = ingot.dequantize %a scale %s zero_point %z ") + axis +
                ": (tensor<3x37xT>, " + scale + ", " + zero + ") -> " + x,
            kind);
    }
}

} // namespace

std::vector<OpRow> opTable() {
  Table table;
  addElementwise(table);
  addMoves(table);
  addReductions(table);
  addNorms(table);
  addContractions(table);
  addQuantization(table);
  return std::move(table.rows);
}

std::vector<std::pair<std::string, std::string>> opsWithoutKernel() {
  return {{"constant", "bytes of the program file"},
          {"variable", "memory of a session"},
          {"variable_read", "a place in memory"},
          {"variable_update", "a copy or a place in memory, decided by the plan"},
          {"transfer", "a copy between memory spaces"},
          {"launch", "the call of a kernel"}};
}

} // namespace ingot::test
