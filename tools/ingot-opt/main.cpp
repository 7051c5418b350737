// `ingot-opt`: the same as `ingot opt`.
#include "compiler/driver/Commands.h"

int main(int argc, char **argv) { return ingot::optCommand(argc, argv); }
