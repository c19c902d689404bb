/* A board in QEMU: start-up, a log and an exit code over semihosting, and RAM in place of a store's flash. */

#include "board.h"

extern uint32_t _data_begin, _data_end, _data_source, _bss_begin, _bss_end, _stack_top;
extern const uint8_t _bundle_begin[], _bundle_end[], _samples_begin[], _samples_end[];

int main(void);

static uint32_t semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_print(const char *text)
{
    static uint32_t console;
    if (console == 0) {
        /* SYS_OPEN of the console, to write: standard output. */
        const uint32_t open[] = {(uint32_t)(uintptr_t)":tt", 4, 3};
        console = semihosting(0x01, open);
    }
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    const uint32_t write[] = {console, (uint32_t)(uintptr_t)text, length};
    semihosting(0x05, write);
}

void board_print_number(int64_t number)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    const bool negative = number < 0;
    /* No subject and no score has more bits. */
    uint32_t rest = (uint32_t)(negative ? -number : number);
    *first = '\0';
    do {
        *--first = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (negative) {
        *--first = '-';
    }
    board_print(first);
}

_Noreturn void board_exit(bool success)
{
    /* ADP_Stopped_ApplicationExit, or a run-time error. */
    semihosting(0x18, (const void *)(uintptr_t)(success ? 0x20026 : 0x20023));
    for (;;) {
    }
}

void board_open_door(bool open)
{
    static volatile bool door;
    door = open;
    (void)door;
}

const uint8_t *board_bundle(void)
{
    return _bundle_begin;
}

size_t board_bundle_bytes(void)
{
    return (size_t)(_bundle_end - _bundle_begin);
}

const uint8_t *board_samples(void)
{
    return _samples_begin;
}

size_t board_samples_bytes(void)
{
    return (size_t)(_samples_end - _samples_begin);
}

#ifdef COGNATE_EXAMPLE_STORES

/* As flash: 0xff is erased, and a write only clears bits. */
static uint8_t pages[8 * COGNATE_FLASH_PAGE];
static bool is_erased;

static int32_t erase_flash(void *context, uint32_t begin, uint32_t end)
{
    (void)context;
    for (uint32_t place = begin; place < end; place++) {
        pages[place] = 0xff;
    }
    return 0;
}

static int32_t read_flash(void *context, uint32_t offset, uint8_t *bytes, size_t count)
{
    (void)context;
    for (size_t index = 0; index < count; index++) {
        bytes[index] = pages[offset + index];
    }
    return 0;
}

static int32_t write_flash(void *context, uint32_t offset, const uint8_t *bytes, size_t count)
{
    (void)context;
    for (size_t index = 0; index < count; index++) {
        if (pages[offset + index] != 0xff) {
            return 1;
        }
        pages[offset + index] = bytes[index];
    }
    return 0;
}

const cognate_flash *board_flash(void)
{
    static const cognate_flash flash = {
        .context = NULL,
        .bytes = sizeof pages,
        .read = read_flash,
        .write = write_flash,
        .erase = erase_flash,
    };
    if (!is_erased) {
        erase_flash(NULL, 0, sizeof pages);
        is_erased = true;
    }
    return &flash;
}

#endif

static _Noreturn void fault(void)
{
    board_print("fault\n");
    board_exit(false);
}

_Noreturn void reset(void)
{
    const uint32_t *source = &_data_source;
    for (uint32_t *place = &_data_begin; place < &_data_end; place++) {
        *place = *source++;
    }
    for (uint32_t *place = &_bss_begin; place < &_bss_end; place++) {
        *place = 0;
    }
#ifdef __ARM_FP
    /* CPACR: the FPU may be used. */
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;
    __asm__ volatile("dsb\n\tisb");
#endif
    main();
    board_exit(false);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    &_stack_top, (const void *)reset, (const void *)fault, (const void *)fault,
};
