#include "tests/control/world.h"
