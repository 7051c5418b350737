// A small pool: workers spin for some microseconds after a launch, because the next is usually
// near, then sleep on a futex (std::atomic::wait is not used: it may spin and notify through a
// shared table, which costs more).
#include "runtime-lib/host/ThreadPool.h"
#include <atomic>
#include <climits>
#include <cstdlib>
#include <linux/futex.h>
#include <new>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ingot {
namespace {

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void sleepWhile(std::atomic<uint32_t> &word, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, value, nullptr,
          nullptr, 0);
}
void wakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr,
          nullptr, 0);
}

/// Rounds of pause: some tens of microseconds. With more workers than processors spinning only
/// steals their time.
constexpr int kSpins = 2000;

} // namespace

class ThreadPool {
public:
  explicit ThreadPool(uint32_t threads)
      : threads(threads), spins(long(threads) <= sysconf(_SC_NPROCESSORS_ONLN) ? kSpins : 0) {}

  bool start();
  void stop();
  void run(uint64_t tiles, ingot_tile_fn body, void *context);

private:
  struct Worker {
    ThreadPool *pool;
    uint32_t index;
    pthread_t thread;
  };
  static void *main(void *argument);
  void work(uint32_t worker);

  const uint32_t threads;
  const int spins;
  uint32_t started = 0;
  Worker *workers = nullptr;
  // The launch at hand; written by the caller before `generation` moves, read by workers after they
  // see it move.
  ingot_tile_fn body = nullptr;
  void *context = nullptr;
  uint64_t tiles = 0, chunk = 1;
  bool stopping = false;
  alignas(64) std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> sleepers{0};
  alignas(64) std::atomic<uint64_t> next{0};
  alignas(64) std::atomic<uint32_t> busy{0}; // workers that have not finished the launch
};

bool ThreadPool::start() {
  workers = static_cast<Worker *>(calloc(threads - 1, sizeof(Worker)));
  if (!workers)
    return false;
  for (; started < threads - 1; ++started) {
    workers[started] = {this, started + 1, {}};
    if (pthread_create(&workers[started].thread, nullptr, main, &workers[started]) != 0)
      return false;
  }
  return true;
}

void ThreadPool::stop() {
  stopping = true;
  generation.fetch_add(1, std::memory_order_seq_cst);
  wakeAll(generation);
  for (uint32_t i = 0; i < started; ++i)
    pthread_join(workers[i].thread, nullptr);
  free(workers);
}

void *ThreadPool::main(void *argument) {
  Worker *worker = static_cast<Worker *>(argument);
  ThreadPool &pool = *worker->pool;
  uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < pool.spins && pool.generation.load(std::memory_order_acquire) == seen; ++i)
      relax();
    // A sleeper counts itself before it looks again; the caller moves the generation before it
    // looks for sleepers. Both are sequentially consistent, so one of the two sees the other.
    while (pool.generation.load(std::memory_order_acquire) == seen) {
      pool.sleepers.fetch_add(1, std::memory_order_seq_cst);
      if (pool.generation.load(std::memory_order_seq_cst) == seen)
        sleepWhile(pool.generation, seen);
      pool.sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
    // The caller waits for every worker before the next launch, so generations are seen one by one.
    ++seen;
    if (pool.stopping)
      return nullptr;
    pool.work(worker->index);
    if (pool.busy.fetch_sub(1, std::memory_order_acq_rel) == 1)
      wakeAll(pool.busy);
  }
}

void ThreadPool::work(uint32_t worker) {
  for (;;) {
    uint64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= tiles)
      return;
    uint64_t end = tiles - begin < chunk ? tiles : begin + chunk;
    body(context, worker, begin, end);
  }
}

void ThreadPool::run(uint64_t newTiles, ingot_tile_fn newBody, void *newContext) {
  body = newBody;
  context = newContext;
  tiles = newTiles;
  // Four chunks per worker even out unequal cores without many atomic operations.
  chunk = newTiles / (uint64_t(threads) * 4);
  if (!chunk)
    chunk = 1;
  next.store(0, std::memory_order_relaxed);
  busy.store(threads - 1, std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    wakeAll(generation);
  work(0);
  for (int i = 0; i < spins && busy.load(std::memory_order_acquire); ++i)
    relax();
  while (uint32_t left = busy.load(std::memory_order_acquire))
    sleepWhile(busy, left);
}

ThreadPool *createThreadPool(uint32_t threads) {
  // No new: a C program that links the runtime needs no C++ library.
  void *memory = nullptr;
  if (posix_memalign(&memory, alignof(ThreadPool), sizeof(ThreadPool)) != 0)
    return nullptr;
  ThreadPool *pool = new (memory) ThreadPool(threads);
  if (pool->start())
    return pool;
  destroyThreadPool(pool);
  return nullptr;
}

void destroyThreadPool(ThreadPool *pool) {
  pool->stop();
  free(pool);
}

void runThreadPool(ThreadPool *pool, uint64_t tiles, ingot_tile_fn body, void *context) {
  pool->run(tiles, body, context);
}

} // namespace ingot
