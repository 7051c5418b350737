// The text of the support routines; see Support.h.
#include "backends/cpu/Support.h"
#include "backends/cpu/Lower.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace ingot::cpu {
namespace {

// Written without calls, and compiled so that none are formed.
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

// 32-bit Arm: the names of the same, and arithmetic on 64 bits (run-time ABI for the Arm
// architecture, §4.2 and §4.3.4), for cores with instructions for f64. These functions take and
// give floats in integer registers on every such core.
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

define arm_aapcscc { i64, i64 } @__aeabi_uldivmod(i64 %n, i64 %d) #0 {
  %either = or i64 %n, %d
  %high = lshr i64 %either, 32
  %small = icmp eq i64 %high, 0
  br i1 %small, label %narrow, label %loop
narrow:
  %n32 = trunc i64 %n to i32
  %d32 = trunc i64 %d to i32
  %q32 = udiv i32 %n32, %d32
  %back = mul i32 %q32, %d32
  %r32 = sub i32 %n32, %back
  %q64 = zext i32 %q32 to i64
  %r64 = zext i32 %r32 to i64
  br label %exit
loop:
  %count = phi i32 [ 0, %0 ], [ %count1, %loop ]
  %q = phi i64 [ %n, %0 ], [ %q1, %loop ]
  %r = phi i64 [ 0, %0 ], [ %r1, %loop ]
  %top = lshr i64 %q, 63
  %moved = shl i64 %r, 1
  %with = or i64 %moved, %top
  %carry = icmp slt i64 %r, 0
  %reaches = icmp uge i64 %with, %d
  %fits = or i1 %carry, %reaches
  %less = sub i64 %with, %d
  %r1 = select i1 %fits, i64 %less, i64 %with
  %room = shl i64 %q, 1
  %bit = zext i1 %fits to i64
  %q1 = or i64 %room, %bit
  %count1 = add i32 %count, 1
  %done = icmp eq i32 %count1, 64
  br i1 %done, label %exit, label %loop
exit:
  %quotient = phi i64 [ %q64, %narrow ], [ %q1, %loop ]
  %remainder = phi i64 [ %r64, %narrow ], [ %r1, %loop ]
  %one = insertvalue { i64, i64 } poison, i64 %quotient, 0
  %both = insertvalue { i64, i64 } %one, i64 %remainder, 1
  ret { i64, i64 } %both
}
define arm_aapcscc { i64, i64 } @__aeabi_ldivmod(i64 %n, i64 %d) #0 {
  %nsign = ashr i64 %n, 63
  %dsign = ashr i64 %d, 63
  %nflip = xor i64 %n, %nsign
  %nabs = sub i64 %nflip, %nsign
  %dflip = xor i64 %d, %dsign
  %dabs = sub i64 %dflip, %dsign
  %pair = call arm_aapcscc { i64, i64 } @__aeabi_uldivmod(i64 %nabs, i64 %dabs)
  %q = extractvalue { i64, i64 } %pair, 0
  %r = extractvalue { i64, i64 } %pair, 1
  %qsign = xor i64 %nsign, %dsign
  %qflip = xor i64 %q, %qsign
  %quotient = sub i64 %qflip, %qsign
  %rflip = xor i64 %r, %nsign
  %remainder = sub i64 %rflip, %nsign
  %one = insertvalue { i64, i64 } poison, i64 %quotient, 0
  %both = insertvalue { i64, i64 } %one, i64 %remainder, 1
  ret { i64, i64 } %both
}
define arm_aapcscc double @__aeabi_ul2d(i64 %x) #0 {
  %shifted = lshr i64 %x, 32
  %high = trunc i64 %shifted to i32
  %low = trunc i64 %x to i32
  %h = uitofp i32 %high to double
  %l = uitofp i32 %low to double
  %scaled = fmul double %h, 4294967296.0
  %sum = fadd double %scaled, %l
  ret double %sum
}
define arm_aapcscc double @__aeabi_l2d(i64 %x) #0 {
  %shifted = lshr i64 %x, 32
  %high = trunc i64 %shifted to i32
  %low = trunc i64 %x to i32
  %h = sitofp i32 %high to double
  %l = uitofp i32 %low to double
  %scaled = fmul double %h, 4294967296.0
  %sum = fadd double %scaled, %l
  ret double %sum
}
; Through f64, whose 53 bits hold x when its last 11 bits are folded into one that only says whether
; any was set: that rounds once.
define arm_aapcscc float @__aeabi_ul2f(i64 %x) #0 {
  %over = lshr i64 %x, 53
  %fits = icmp eq i64 %over, 0
  %rest = and i64 %x, 2047
  %carried = add i64 %rest, 2047
  %marked = or i64 %x, %carried
  %folded = and i64 %marked, -2048
  %safe = select i1 %fits, i64 %x, i64 %folded
  %wide = call arm_aapcscc double @__aeabi_ul2d(i64 %safe)
  %result = fptrunc double %wide to float
  ret float %result
}
define arm_aapcscc float @__aeabi_l2f(i64 %x) #0 {
  %sign = ashr i64 %x, 63
  %flip = xor i64 %x, %sign
  %abs = sub i64 %flip, %sign
  %positive = call arm_aapcscc float @__aeabi_ul2f(i64 %abs)
  %negative = fneg float %positive
  %below = icmp slt i64 %x, 0
  %result = select i1 %below, float %negative, float %positive
  ret float %result
}
define arm_aapcscc i64 @__aeabi_d2ulz(double %x) #0 {
  %upper = fmul double %x, 0x3DF0000000000000
  %high = fptoui double %upper to i32
  %whole = uitofp i32 %high to double
  %back = fmul double %whole, 4294967296.0
  %rest = fsub double %x, %back
  %low = fptoui double %rest to i32
  %h = zext i32 %high to i64
  %l = zext i32 %low to i64
  %shifted = shl i64 %h, 32
  %result = or i64 %shifted, %l
  ret i64 %result
}
declare double @llvm.fabs.f64(double)
define arm_aapcscc i64 @__aeabi_d2lz(double %x) #0 {
  %abs = call double @llvm.fabs.f64(double %x)
  %positive = call arm_aapcscc i64 @__aeabi_d2ulz(double %abs)
  %negative = sub i64 0, %positive
  %below = fcmp olt double %x, 0.0
  %result = select i1 %below, i64 %negative, i64 %positive
  ret i64 %result
}
define arm_aapcscc i64 @__aeabi_f2ulz(float %x) #0 {
  %wide = fpext float %x to double
  %result = call arm_aapcscc i64 @__aeabi_d2ulz(double %wide)
  ret i64 %result
}
define arm_aapcscc i64 @__aeabi_f2lz(float %x) #0 {
  %wide = fpext float %x to double
  %result = call arm_aapcscc i64 @__aeabi_d2lz(double %wide)
  ret i64 %result
}
define i64 @__fixhfdi(half %x) #0 {
  %wide = fpext half %x to double
  %result = call arm_aapcscc i64 @__aeabi_d2lz(double %wide)
  ret i64 %result
}
define i64 @__fixunshfdi(half %x) #0 {
  %wide = fpext half %x to double
  %result = call arm_aapcscc i64 @__aeabi_d2ulz(double %wide)
  ret i64 %result
}
)";

std::string supportText(const Isa &isa) {
  std::string text = kSupport;
  if (isa.arch == "arm")
    text += kSupportArm;
  return text;
}

} // namespace

bool supportProvides(StringRef name, const Isa &isa) {
  std::string text = supportText(isa);
  return StringRef(text).contains(("@" + name + "(").str()) ||
         StringRef(text).contains(("@" + name + " = alias").str());
}

Expected<SmallVector<char, 0>> supportObject(const Isa &isa) {
  std::string text = supportText(isa);
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
    return createStringError("internal error: support routines: " + diagnostic.getMessage());
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  return compileToObject(*module, *machine);
}

} // namespace ingot::cpu
