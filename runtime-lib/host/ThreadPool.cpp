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
  bool join();
  void leave();

  const uint32_t threads;
  const int spins;
  uint32_t started = 0;
  Worker *workers = nullptr;
  // The launch at hand: written by the caller before it opens the launch, read by workers after
  // they have joined it.
  ingot_tile_fn body = nullptr;
  void *context = nullptr;
  uint64_t tiles = 0, chunk = 1;
  // Counts launches; what sleeping workers wait on.
  alignas(64) std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};
  alignas(64) std::atomic<uint64_t> next{0};
  // Number of the launch << 33 | kOpen | workers inside. Workers join while it is open; the caller
  // closes it when no tile is left and waits for those inside only: one that the system has not
  // scheduled yet holds nobody up.
  static constexpr uint64_t kOpen = uint64_t(1) << 32;
  alignas(64) std::atomic<uint64_t> state{0};
  std::atomic<uint32_t> left{0}; // moves when the last worker leaves and the caller sleeps
  std::atomic<bool> callerSleeps{false};
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
  stopping.store(true, std::memory_order_seq_cst);
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
    seen = pool.generation.load(std::memory_order_acquire);
    if (pool.stopping.load(std::memory_order_acquire))
      return nullptr;
    if (pool.join()) {
      pool.work(worker->index);
      pool.leave();
    }
  }
}

bool ThreadPool::join() {
  uint64_t now = state.load(std::memory_order_acquire);
  while (now & kOpen)
    if (state.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel))
      return true;
  return false;
}

void ThreadPool::leave() {
  uint64_t before = state.fetch_sub(1, std::memory_order_seq_cst);
  // As with sleepers: the caller says that it sleeps before it looks at the state once more.
  if (uint32_t(before) == 1 && callerSleeps.load(std::memory_order_seq_cst)) {
    left.fetch_add(1, std::memory_order_seq_cst);
    wakeAll(left);
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
  // Closed and empty since the launch before: nobody else writes it now.
  uint64_t launch = (state.load(std::memory_order_relaxed) >> 33) + 1;
  state.store(launch << 33 | kOpen, std::memory_order_release);
  generation.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    wakeAll(generation);
  work(0);
  state.fetch_and(~kOpen, std::memory_order_acq_rel);
  auto inside = [&] { return uint32_t(state.load(std::memory_order_seq_cst)) != 0; };
  for (int i = 0; i < spins && inside(); ++i)
    relax();
  if (!inside())
    return;
  callerSleeps.store(true, std::memory_order_seq_cst);
  for (uint32_t seen = left.load(std::memory_order_seq_cst); inside();
       seen = left.load(std::memory_order_seq_cst))
    sleepWhile(left, seen);
  callerSleeps.store(false, std::memory_order_seq_cst);
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
