/* cognate: recognition on a microcontroller. Made by cbindgen from capi/src; docs/c.md is the guide. */

#ifndef COGNATE_H
#define COGNATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library was built for: give the same numbers in the library's environment and to this header (-DCOGNATE_…). */

/* Elements of a template. */
#ifndef COGNATE_DIMENSION
#define COGNATE_DIMENSION 64
#endif
/* Elements of an embedding, as the encoder makes them: those of a template, unless the bundle's back end changes that. */
#ifndef COGNATE_ENCODER_DIMENSION
#define COGNATE_ENCODER_DIMENSION COGNATE_DIMENSION
#endif
/* Templates that can be enrolled on the device, beside the bundle's. */
#ifndef COGNATE_CAPACITY
#define COGNATE_CAPACITY 16
#endif
/* Bytes that the flash of a store erases at once. */
#ifndef COGNATE_FLASH_PAGE
#define COGNATE_FLASH_PAGE 4096
#endif
/* Bytes that it writes at once. */
#ifndef COGNATE_FLASH_WORD
#define COGNATE_FLASH_WORD 4
#endif

/* Words of 8 bytes of a recognizer, and of an encoder. */
#define COGNATE_RECOGNIZER_WORDS ((COGNATE_CAPACITY * (COGNATE_DIMENSION + 32) + 1024 + 7) / 8)
#define COGNATE_ENCODER_WORDS 48

/* What the first argument of cognate_open has to be: all of the above in one number. */
#define COGNATE_BUILD                                                                                          \
    (((uint64_t)COGNATE_DIMENSION << 52) | ((uint64_t)COGNATE_ENCODER_DIMENSION << 40) |                       \
     ((uint64_t)COGNATE_CAPACITY << 24) | (uint64_t)COGNATE_RECOGNIZER_WORDS)

/* An address for an encoder's arena. */
#define COGNATE_ARENA_ALIGNMENT 16

/**
 * How a call went; cognate_status_text says it in words, and what to do.
 */
enum cognate_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As asked.
     */
    COGNATE_STATUS_OK,
    /**
     * A pointer is null.
     */
    COGNATE_STATUS_NULL_POINTER,
    /**
     * A pointer is not at a multiple of what it points to.
     */
    COGNATE_STATUS_ALIGNMENT,
    /**
     * The header was compiled for other sizes than the library.
     */
    COGNATE_STATUS_BUILD,
    /**
     * The memory holds nothing that was opened.
     */
    COGNATE_STATUS_CLOSED,
    /**
     * The bytes are not a bundle, or are damaged.
     */
    COGNATE_STATUS_BUNDLE_DAMAGED,
    /**
     * The bundle has a version that this library does not read.
     */
    COGNATE_STATUS_BUNDLE_VERSION,
    /**
     * The bundle contradicts itself.
     */
    COGNATE_STATUS_BUNDLE_MALFORMED,
    /**
     * The bundle is for other dimensions than the library.
     */
    COGNATE_STATUS_DIMENSION,
    /**
     * The bundle's templates are protected by a key.
     */
    COGNATE_STATUS_PROTECTED,
    /**
     * No threshold holds the rate that the bundle asks for.
     */
    COGNATE_STATUS_THRESHOLD,
    /**
     * The bundle has no encoder.
     */
    COGNATE_STATUS_NO_ENCODER,
    /**
     * The bundle's encoder cannot be used.
     */
    COGNATE_STATUS_ENCODER,
    /**
     * The arena is too small.
     */
    COGNATE_STATUS_ARENA_TOO_SMALL,
    /**
     * The sample is not what the encoder takes.
     */
    COGNATE_STATUS_SAMPLE,
    /**
     * The embedding has another number of elements than the library is built for.
     */
    COGNATE_STATUS_EMBEDDING_LENGTH,
    /**
     * An element of the embedding is NaN or infinite.
     */
    COGNATE_STATUS_EMBEDDING_NOT_FINITE,
    /**
     * Nothing is left of the embedding.
     */
    COGNATE_STATUS_EMBEDDING_ZERO,
    /**
     * The template is damaged.
     */
    COGNATE_STATUS_TEMPLATE,
    /**
     * The template is of another model than the bundle.
     */
    COGNATE_STATUS_MODEL,
    /**
     * Nobody is enrolled.
     */
    COGNATE_STATUS_NOBODY_ENROLLED,
    /**
     * The subject is not enrolled.
     */
    COGNATE_STATUS_UNKNOWN_SUBJECT,
    /**
     * The subject's scores cannot be compared.
     */
    COGNATE_STATUS_SCORES,
    /**
     * There is no room for the templates.
     */
    COGNATE_STATUS_GALLERY_FULL,
    /**
     * Every subject id was given.
     */
    COGNATE_STATUS_NO_MORE_IDS,
    /**
     * The samples are too few, or too many.
     */
    COGNATE_STATUS_SAMPLE_COUNT,
    /**
     * A sample says nothing: it is constant, or clipped.
     */
    COGNATE_STATUS_SAMPLE_QUALITY,
    /**
     * Two samples are one.
     */
    COGNATE_STATUS_SAMPLE_DUPLICATE,
    /**
     * A sample is not like the others.
     */
    COGNATE_STATUS_SAMPLE_INCONSISTENT,
    /**
     * A sample is like somebody else who is enrolled.
     */
    COGNATE_STATUS_SAMPLE_TOO_CLOSE,
    /**
     * The flash failed, or was used for something that it does not do.
     */
    COGNATE_STATUS_FLASH,
    /**
     * The flash is too small for the store, or not whole pages.
     */
    COGNATE_STATUS_STORE_AREA,
    /**
     * What is stored is of another model.
     */
    COGNATE_STATUS_STORE_MODEL,
    /**
     * What is stored is more than the library is built for.
     */
    COGNATE_STATUS_STORE_CAPACITY,
    /**
     * What is in the flash is no store.
     */
    COGNATE_STATUS_STORE_UNREADABLE,
    /**
     * The flash is worn out.
     */
    COGNATE_STATUS_STORE_WORN,
    /**
     * Something else; a newer library says what.
     */
    COGNATE_STATUS_OTHER,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum cognate_status cognate_status;
#else
typedef uint32_t cognate_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a decision comes to.
 */
enum cognate_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The best subject's score reached the threshold, ahead of all others.
     */
    COGNATE_VERDICT_KNOWN,
    /**
     * It reached the threshold, and another subject is too close behind: look again.
     */
    COGNATE_VERDICT_AMBIGUOUS,
    /**
     * It did not: nobody who is enrolled.
     */
    COGNATE_VERDICT_UNKNOWN,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum cognate_verdict cognate_verdict;
#else
typedef uint32_t cognate_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Memory of a recognizer, which the caller declares, static for one: `static cognate_recognizer recognizer;`. Zeros are a
 * recognizer that is closed. Its content is the library's, and it must not be copied.
 */
typedef struct {
    /**
     * The library's.
     */
    uint64_t words[COGNATE_RECOGNIZER_WORDS];
} cognate_recognizer;

/**
 * The flash of a store, by functions that return 0 when they did what they are for, and anything else when they did not.
 *
 * Offsets are counted in bytes from the beginning of the store's area. The library reads any place, writes whole words of
 * COGNATE_FLASH_WORD bytes that were erased before, each once, and erases whole pages of COGNATE_FLASH_PAGE bytes. After a write
 * has returned, its bytes must be in flash: the order of writes is what survives a power cut.
 */
typedef struct {
    /**
     * Handed to the functions.
     */
    void *context;
    /**
     * Bytes of the area: whole pages.
     */
    uint32_t bytes;
    /**
     * Reads bytes.
     */
    int32_t (*read)(void *context, uint32_t offset, uint8_t *bytes, size_t count);
    /**
     * Writes words.
     */
    int32_t (*write)(void *context, uint32_t offset, const uint8_t *bytes, size_t count);
    /**
     * Erases pages, from an offset to the one behind them.
     */
    int32_t (*erase)(void *context, uint32_t begin, uint32_t end);
} cognate_flash;

/**
 * A sample as it is enrolled and compared: a code of the bundle's model.
 */
typedef struct {
    /**
     * The model that it is of.
     */
    uint8_t model[16];
    /**
     * The code.
     */
    int8_t code[COGNATE_DIMENSION];
} cognate_template;

/**
 * A subject and a score.
 */
typedef struct {
    /**
     * The subject's id.
     */
    uint32_t subject;
    /**
     * The raw score: a cosine in Q23, a negative squared distance, or standard deviations in Q23.
     */
    int32_t score;
} cognate_match;

/**
 * The answer to "who is this, if anyone?".
 */
typedef struct {
    /**
     * What it comes to. Act on COGNATE_VERDICT_KNOWN alone.
     */
    cognate_verdict verdict;
    /**
     * How many of `best` and `runner_up` there are: 0, 1 or 2. Those that are not are zero.
     */
    uint32_t candidates;
    /**
     * The most alike subject.
     */
    cognate_match best;
    /**
     * The most alike of the others.
     */
    cognate_match runner_up;
    /**
     * How often a stranger reaches the best score, in parts per billion; UINT32_MAX when that is not known.
     */
    uint32_t false_positive_rate;
} cognate_decision;

/**
 * The answer to "is this that subject?".
 */
typedef struct {
    /**
     * Whether the score reached the threshold.
     */
    bool accepted;
    /**
     * The raw score.
     */
    int32_t score;
    /**
     * How often somebody else reaches it, in parts per billion; UINT32_MAX when that is not known.
     */
    uint32_t false_match_rate;
} cognate_verification;

/**
 * Memory of a bundle's encoder, as that of a recognizer.
 */
typedef struct {
    /**
     * The library's.
     */
    uint64_t words[COGNATE_ENCODER_WORDS];
} cognate_encoder;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * What a status says and what to do about it, in English. Never null.
 */
const char *cognate_status_text(uint32_t status);

/**
 * Opens a recognizer: checks every byte of a bundle once, and reads it in place from then on. Whoever is enrolled is lost by a
 * reset.
 *
 * `build` is COGNATE_BUILD. `bundle` is read until cognate_close, and must not change; it may go on after the bundle, as a region
 * of flash does, and is searched fastest at a multiple of 4 bytes.
 */
cognate_status cognate_open(uint64_t build,
                            cognate_recognizer *recognizer,
                            const uint8_t *bundle,
                            size_t bundle_bytes);

/**
 * The same with a store in flash: whoever is enrolled outlasts resets and power cuts. What is stored is read, or a store begun
 * in erased flash.
 *
 * `flash` is copied; its context and functions are used until cognate_close.
 */
cognate_status cognate_open_stored(uint64_t build,
                                   cognate_recognizer *recognizer,
                                   const uint8_t *bundle,
                                   size_t bundle_bytes,
                                   const cognate_flash *flash);

/**
 * The same, but begins the store anew, whatever is stored: after a factory reset, or for another model.
 */
cognate_status cognate_renew_stored(uint64_t build,
                                    cognate_recognizer *recognizer,
                                    const uint8_t *bundle,
                                    size_t bundle_bytes,
                                    const cognate_flash *flash);

/**
 * Closes a recognizer and overwrites its memory. What is stored stays stored.
 */
cognate_status cognate_close(cognate_recognizer *recognizer);

/**
 * Makes the template of an embedding of COGNATE_ENCODER_DIMENSION elements, to be enrolled with.
 */
cognate_status cognate_make_template(cognate_recognizer *recognizer,
                                     const float *embedding,
                                     size_t elements,
                                     cognate_template *made);

/**
 * Enrolls a new subject by 3 to 8 templates, all of them or, on an error, none, and gives its id, which is never given again.
 * They are looked at first: COGNATE_STATUS_SAMPLE_… says why they should not be enrolled.
 */
cognate_status cognate_enroll(cognate_recognizer *recognizer,
                              const cognate_template *templates,
                              size_t count,
                              uint32_t *subject);

/**
 * Removes a subject. With a store its templates are erased from flash before this returns, and a subject of the bundle is never
 * found again; without one, a subject of the bundle is COGNATE_STATUS_UNKNOWN_SUBJECT.
 */
cognate_status cognate_remove(cognate_recognizer *recognizer,
                              uint32_t subject);

/**
 * Identification: who an embedding is, if anyone who is enrolled.
 */
cognate_status cognate_identify(cognate_recognizer *recognizer,
                                const float *embedding,
                                size_t elements,
                                cognate_decision *decision);

/**
 * Verification: whether an embedding is a subject's.
 */
cognate_status cognate_verify(cognate_recognizer *recognizer,
                              const float *embedding,
                              size_t elements,
                              uint32_t subject,
                              cognate_verification *verification);

/**
 * How many templates are enrolled on the device, of COGNATE_CAPACITY.
 */
cognate_status cognate_enrolled_templates(cognate_recognizer *recognizer, size_t *count);

/**
 * Opens the encoder in a recognizer's bundle, once: it is checked from end to end, and read in place until it is closed or the
 * bundle's bytes change. The recognizer may be closed before.
 */
cognate_status cognate_encoder_open(cognate_encoder *encoder,
                                    cognate_recognizer *recognizer);

/**
 * Closes an encoder and overwrites its memory.
 */
cognate_status cognate_encoder_close(cognate_encoder *encoder);

/**
 * Bytes of a sample, as the encoder takes it: pixels, or int16 elements of a series or of features.
 */
cognate_status cognate_encoder_sample_bytes(cognate_encoder *encoder, size_t *bytes);

/**
 * Bytes of memory that the encoder needs to run, at a multiple of COGNATE_ARENA_ALIGNMENT.
 */
cognate_status cognate_encoder_arena_bytes(cognate_encoder *encoder, size_t *bytes);

/**
 * Encodes a sample, in memory of the caller that may be used for something else afterwards. Elements of 2 bytes begin at a
 * multiple of 2.
 */
cognate_status cognate_encode(cognate_encoder *encoder,
                              const uint8_t *sample,
                              size_t sample_bytes,
                              uint8_t *arena,
                              size_t arena_bytes,
                              float *embedding,
                              size_t elements);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* COGNATE_H */
