// Workers for one session: the caller and threads - 1 others, which take chunks of a launch's
// tiles.
#pragma once

#include "ingot/core.h"
#include <cstdint>

namespace ingot {

class ThreadPool;

/// Starts threads - 1 threads. Null if they cannot be started.
ThreadPool *createThreadPool(uint32_t threads);
void destroyThreadPool(ThreadPool *pool);
/// Computes `tiles` tiles with all workers; returns when they are done. Worker 0 is the caller.
/// Allocates nothing.
void runThreadPool(ThreadPool *pool, uint64_t tiles, ingot_tile_fn body, void *context);

} // namespace ingot
