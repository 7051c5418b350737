/* Ingot's runtime: open a program, make sessions, bind tensors, run.
 *
 *   ingot_error error;
 *   ingot_program *program;
 *   ingot_session *session;
 *   if (ingot_program_open_file("model.ingot", NULL, &program, &error)) { puts(error.text); return
 * 1; } if (ingot_session_create(program, NULL, &session, &error)) { puts(error.text); return 1; }
 *   ingot_session_bind_input(session, 0, 0, &input);
 *   ingot_session_bind_output(session, 0, 0, &output);
 *   if (ingot_session_run(session, 0)) puts(ingot_session_error(session));
 *
 * A program is immutable and may serve any number of sessions in any number of threads. A session
 * belongs to one thread at a time. After ingot_session_create nothing is allocated. A file must not
 * be changed while a program is open on it.
 *
 * A program carries machine code. Opening one checks every offset, size and index of it and the
 * hashes of its code before any of it becomes executable, so a damaged file gives an error; it does
 * not make code of an unknown origin trustworthy. */
#ifndef INGOT_RUNTIME_H
#define INGOT_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INGOT_RUNTIME_VERSION 1
#define INGOT_MAX_RANK 8

typedef struct ingot_program ingot_program;
typedef struct ingot_session ingot_session;

typedef enum ingot_status {
  INGOT_OK = 0,
  INGOT_ERROR_IO = 1,          /* a file cannot be opened, read or mapped */
  INGOT_ERROR_FORMAT = 2,      /* not a program, damaged, or of a newer format */
  INGOT_ERROR_UNSUPPORTED = 3, /* this machine or this runtime lacks what the program needs */
  INGOT_ERROR_MEMORY = 4,      /* out of memory, or the caller's block is too small */
  INGOT_ERROR_ARGUMENT = 5,    /* an index, type, shape or alignment the program does not accept */
  INGOT_ERROR_STATE = 6,       /* an input or output is not bound */
  INGOT_ERROR_DEVICE = 7       /* a driver reports a failure */
} ingot_status;

/* What went wrong, one or two lines without full stop. The caller owns it; every function that
 * takes one accepts NULL. */
typedef struct ingot_error {
  ingot_status status;
  char text[508];
} ingot_error;

/* Numbers as in the program format (ElementType in program.fbs). Types below 8 bits are packed. */
typedef enum ingot_type {
  INGOT_NONE = 0,
  INGOT_F32,
  INGOT_F64,
  INGOT_F16,
  INGOT_BF16,
  INGOT_F8E4M3FN,
  INGOT_F8E5M2,
  INGOT_F8E4M3FNUZ,
  INGOT_F8E5M2FNUZ,
  INGOT_I1,
  INGOT_I8,
  INGOT_I16,
  INGOT_I32,
  INGOT_I64,
  INGOT_U8,
  INGOT_U16,
  INGOT_U32,
  INGOT_U64,
  INGOT_I4,
  INGOT_U4,
  INGOT_I2,
  INGOT_U2,
  INGOT_C64,
  INGOT_C128,
  INGOT_F8E8M0FNU,
  INGOT_F4E2M1FN
} ingot_type;

/* Bits per element; 0 for a number that is no type. */
uint32_t ingot_type_bits(ingot_type type);
/* "f32", "i64", … */
const char *ingot_type_name(ingot_type type);

/* One dim of a signature: lo == hi when it is fixed. `name` is NULL for unnamed dims. */
typedef struct ingot_dim {
  int64_t lo, hi;
  const char *name;
} ingot_dim;

/* An input, output or variable as the model declares it. Valid as long as the program. */
typedef struct ingot_tensor_info {
  const char *name;
  ingot_type type;
  uint32_t rank;
  ingot_dim dims[INGOT_MAX_RANK];
  uint32_t alignment; /* what a bound pointer must be a multiple of */
  uint64_t max_bytes; /* at the upper bounds of its dims */
  int has_range;      /* values outside [range_min, range_max] make no sense */
  double range_min, range_max;
} ingot_tensor_info;

/* A tensor of the caller's: dense, row-major. `dims` may be NULL if the signature's are all fixed;
 * for outputs they are ignored (the run computes them, see ingot_session_output_dims) and `bytes`
 * is the room there is. */
typedef struct ingot_tensor {
  void *data;
  uint64_t bytes;
  const int64_t *dims;
  uint32_t rank;
} ingot_tensor;

struct ingot_driver; /* ingot/driver.h */

typedef struct ingot_open_options {
  size_t struct_size; /* sizeof(ingot_open_options): lets later versions add fields */
  const struct ingot_driver *const *drivers; /* besides the built-in CPU */
  size_t num_drivers;
  int verify_weights; /* nonzero: also hash the weights (slow: reads all of the file) */
} ingot_open_options;

/* A named dim that will be at most `hi`: a session made for less than the program allows needs less
 * memory, and refuses larger inputs. */
typedef struct ingot_dim_limit {
  const char *name;
  int64_t hi;
} ingot_dim_limit;

typedef struct ingot_session_options {
  size_t struct_size;            /* sizeof(ingot_session_options) */
  uint32_t threads;              /* workers including the caller; 0 = 1. 1 starts no thread */
  void *memory;                  /* the session's memory, or NULL to allocate it */
  size_t memory_size;            /* of `memory`; at least ingot_session_memory_size() */
  const ingot_dim_limit *limits; /* on dims; while they are applied a little is allocated */
  uint32_t num_limits;
} ingot_session_options;

/* ---- programs (host part: needs an operating system with mmap) ---- */

/* Opens and verifies a program file. The file stays mapped until ingot_program_close; weights are
 * read from the mapping. Errors: IO, FORMAT, UNSUPPORTED, MEMORY, DEVICE. */
ingot_status ingot_program_open_file(const char *path, const ingot_open_options *options,
                                     ingot_program **program, ingot_error *error);
/* Opens a program that lies in memory, which must stay there unchanged until ingot_program_close.
 * Weights are read in place if `data` is 64-byte aligned and copied otherwise. Errors as for a
 * file. */
ingot_status ingot_program_open_memory(const void *data, size_t size,
                                       const ingot_open_options *options, ingot_program **program,
                                       ingot_error *error);
/* All sessions must have been destroyed. NULL is allowed. */
void ingot_program_close(ingot_program *program);

/* ---- what a program offers ---- */

uint32_t ingot_program_num_entries(const ingot_program *program);
const char *ingot_program_entry_name(const ingot_program *program, uint32_t entry);
/* Index of the entry of that name, or -1. */
int32_t ingot_program_find_entry(const ingot_program *program, const char *name);
uint32_t ingot_program_num_inputs(const ingot_program *program, uint32_t entry);
uint32_t ingot_program_num_outputs(const ingot_program *program, uint32_t entry);
/* Errors: ARGUMENT for an index out of range. */
ingot_status ingot_program_input(const ingot_program *program, uint32_t entry, uint32_t index,
                                 ingot_tensor_info *info);
ingot_status ingot_program_output(const ingot_program *program, uint32_t entry, uint32_t index,
                                  ingot_tensor_info *info);
/* State that survives from run to run, which all entries of the program share. Errors: ARGUMENT. */
uint32_t ingot_program_num_variables(const ingot_program *program);
ingot_status ingot_program_variable(const ingot_program *program, uint32_t index,
                                    ingot_tensor_info *info);
/* The named dims of an entry, which its inputs determine, and their bounds. */
uint32_t ingot_program_num_dims(const ingot_program *program, uint32_t entry);
/* Errors: ARGUMENT for an index out of range. */
ingot_status ingot_program_dim(const ingot_program *program, uint32_t entry, uint32_t index,
                               ingot_dim *dim);
/* Nonzero when a named dim is no extent but what an input holds: which element of which input. Such
 * inputs are read at the beginning of every run. */
int ingot_program_dim_value(const ingot_program *program, uint32_t entry, uint32_t index,
                            uint32_t *input, uint32_t *element);
/* Bytes of the arenas in the host's memory, at the upper bounds of the dims. */
uint64_t ingot_program_arena_bytes(const ingot_program *program);
/* Name of the target chosen on this machine, for example "x86-64-v3". */
const char *ingot_program_target(const ingot_program *program);

/* ---- sessions ---- */

/* Bytes a session of `options->threads` workers takes within `options->limits`; any alignment of
 * the caller's block is allowed for. SIZE_MAX when there can be no such session. */
size_t ingot_session_memory_size(const ingot_program *program,
                                 const ingot_session_options *options);
/* Errors: MEMORY, ARGUMENT, DEVICE. */
ingot_status ingot_session_create(ingot_program *program, const ingot_session_options *options,
                                  ingot_session **session, ingot_error *error);
void ingot_session_destroy(ingot_session *session);

/* Binds the caller's memory; nothing is copied, so it must stay until the run is over or another is
 * bound. The pointer's alignment is checked, never repaired. Errors: ARGUMENT (index, shape, size,
 * alignment). */
ingot_status ingot_session_bind_input(ingot_session *session, uint32_t entry, uint32_t index,
                                      const ingot_tensor *tensor);
ingot_status ingot_session_bind_output(ingot_session *session, uint32_t entry, uint32_t index,
                                       const ingot_tensor *tensor);
/* Runs an entry to its end. Allocates nothing. Errors: STATE, ARGUMENT (a dim out of its bounds),
 * DEVICE. */
ingot_status ingot_session_run(ingot_session *session, uint32_t entry);
/* The extents of an output: after the run, or as soon as all inputs of the entry are bound and, for
 * those whose elements are named dims, hold what the run will read. Writes up to INGOT_MAX_RANK. */
ingot_status ingot_session_output_dims(ingot_session *session, uint32_t entry, uint32_t index,
                                       int64_t *dims, uint32_t *rank);
/* The extents of an input when the entry's named dims have the values `named`, in the order of
 * ingot_program_dim. Writes up to INGOT_MAX_RANK; binds nothing. Errors: ARGUMENT (a dim out of its
 * bounds). */
ingot_status ingot_session_input_dims(ingot_session *session, uint32_t entry, uint32_t index,
                                      const int64_t *named, int64_t *dims, uint32_t *rank);
/* Bytes of the host's arenas that the entry uses for the shapes of its last run; 0 before the first
 * run of an entry with dynamic shapes. */
uint64_t ingot_session_arena_bytes(const ingot_session *session, uint32_t entry);
/* Sets all variables back to what they were when the session was made. */
ingot_status ingot_session_reset(ingot_session *session);
/* State to keep or to move: copies the values of a variable, dense and row-major, out of the
 * session or into it, between runs. `bytes` is max_bytes of ingot_program_variable. Errors:
 * ARGUMENT, DEVICE. */
ingot_status ingot_session_read_variable(ingot_session *session, uint32_t index, void *values,
                                         uint64_t bytes);
ingot_status ingot_session_write_variable(ingot_session *session, uint32_t index,
                                          const void *values, uint64_t bytes);
/* Text of the session's last error; "" after success. */
const char *ingot_session_error(const ingot_session *session);

/* ---- profile ---- */

/* One step of a run. `layers` are the model's names, num_layers of them. */
typedef struct ingot_step_info {
  uint32_t entry, index;
  const char *kernel; /* kernel name, or "copy", "strided copy" */
  const char *target; /* name of the target that ran it */
  uint32_t num_layers;
  uint64_t flops, bytes;
} ingot_step_info;

/* Called after every launch and copy of a run with the step's time in nanoseconds. */
typedef void (*ingot_profile_fn)(void *context, uint32_t entry, uint32_t step,
                                 uint64_t nanoseconds);
/* `profile` = NULL switches it off. */
void ingot_session_set_profile(ingot_session *session, ingot_profile_fn profile, void *context);
uint32_t ingot_program_num_steps(const ingot_program *program, uint32_t entry);
/* Errors: ARGUMENT. */
ingot_status ingot_program_step(const ingot_program *program, uint32_t entry, uint32_t step,
                                ingot_step_info *info);
/* Name of the layer-th source layer of a step, or NULL. */
const char *ingot_program_step_layer(const ingot_program *program, uint32_t entry, uint32_t step,
                                     uint32_t layer);

#ifdef __cplusplus
}
#endif
#endif /* INGOT_RUNTIME_H */
