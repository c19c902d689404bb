/* What the example needs of a board. */
#ifndef BOARD_H
#define BOARD_H

#include "cognate.h"

/* The bundle in flash. */
const uint8_t *board_bundle(void);
size_t board_bundle_bytes(void);
/* Samples in place of a sensor. */
const uint8_t *board_samples(void);
size_t board_samples_bytes(void);
/* Flash for a store. */
const cognate_flash *board_flash(void);

void board_open_door(bool open);
void board_print(const char *text);
void board_print_number(int64_t number);
_Noreturn void board_exit(bool success);

#endif
