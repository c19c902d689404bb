/* A door lock: opens for whoever is enrolled, learns somebody new, and forgets again. The samples stand in for a sensor with its
   encoder; `cargo xtask test` runs this and compares every decision with those of the library in Rust. */

#include "board.h"
#include "cognate.h"

#define LEARNED 4

static cognate_recognizer recognizer;
#ifdef COGNATE_EXAMPLE_ENCODES
static cognate_encoder encoder;
static _Alignas(COGNATE_ARENA_ALIGNMENT) uint8_t arena[16 * 1024];
#endif

/* Ends the program where something is not as it has to be. */
static void require(cognate_status found, cognate_status expected, const char *what)
{
    if (found != expected) {
        board_print(what);
        board_print(": ");
        board_print(cognate_status_text(found));
        board_print("\n");
        board_exit(false);
    }
}

static void print_match(bool there, cognate_match match)
{
    board_print(" ");
    if (there) {
        board_print_number(match.subject);
        board_print(" ");
        board_print_number(match.score);
    } else {
        board_print("- -");
    }
}

static void print_decision(size_t sample, const cognate_decision *decision)
{
    static const char *const verdicts[] = {"known", "ambiguous", "unknown"};
    board_print("decision ");
    board_print_number((int64_t)sample);
    board_print(" ");
    board_print(verdicts[decision->verdict]);
    print_match(decision->candidates > 0, decision->best);
    print_match(decision->candidates > 1, decision->runner_up);
    board_print("\n");
}

/* Where an encoder would put its output. */
static const float *embedding_of(size_t sample)
{
#ifdef COGNATE_EXAMPLE_ENCODES
    static float embedding[COGNATE_ENCODER_DIMENSION];
    size_t bytes = 0;
    require(cognate_encoder_sample_bytes(&encoder, &bytes), COGNATE_STATUS_OK, "sample size");
    require(cognate_encode(&encoder, board_samples() + sample * bytes, bytes, arena, sizeof arena, embedding,
                           COGNATE_ENCODER_DIMENSION),
            COGNATE_STATUS_OK, "encode");
    return embedding;
#else
    /* Behind the digest of the model that made them. */
    return (const float *)(const void *)(board_samples() + 16) + sample * COGNATE_ENCODER_DIMENSION;
#endif
}

static size_t samples(void)
{
#ifdef COGNATE_EXAMPLE_ENCODES
    size_t bytes = 0;
    require(cognate_encoder_sample_bytes(&encoder, &bytes), COGNATE_STATUS_OK, "sample size");
    return board_samples_bytes() / bytes;
#else
    return (board_samples_bytes() - 16) / (COGNATE_ENCODER_DIMENSION * sizeof(float));
#endif
}

static cognate_status open_recognizer(void)
{
#ifdef COGNATE_EXAMPLE_STORES
    return cognate_open_stored(COGNATE_BUILD, &recognizer, board_bundle(), board_bundle_bytes(), board_flash());
#else
    return cognate_open(COGNATE_BUILD, &recognizer, board_bundle(), board_bundle_bytes());
#endif
}

static void decide_about_all(void)
{
    for (size_t sample = 0; sample < samples(); sample++) {
        cognate_decision decision;
        require(cognate_identify(&recognizer, embedding_of(sample), COGNATE_ENCODER_DIMENSION, &decision),
                COGNATE_STATUS_OK, "identify");
        board_open_door(decision.verdict == COGNATE_VERDICT_KNOWN);
        print_decision(sample, &decision);
    }
}

/* What a caller can get wrong is an error, and nothing else happens. */
static void refuse_mistakes(void)
{
    cognate_decision decision;
    const float zeros[COGNATE_ENCODER_DIMENSION] = {0};
    require(cognate_identify(&recognizer, embedding_of(0), COGNATE_ENCODER_DIMENSION, NULL),
            COGNATE_STATUS_NULL_POINTER, "a decision without a place");
    require(cognate_identify(NULL, embedding_of(0), COGNATE_ENCODER_DIMENSION, &decision),
            COGNATE_STATUS_NULL_POINTER, "a decision of nobody");
    require(cognate_identify(&recognizer, NULL, COGNATE_ENCODER_DIMENSION, &decision), COGNATE_STATUS_NULL_POINTER,
            "a decision about nothing");
    require(cognate_identify(&recognizer, embedding_of(0), COGNATE_ENCODER_DIMENSION - 1, &decision),
            COGNATE_STATUS_EMBEDDING_LENGTH, "a short embedding");
    require(cognate_identify(&recognizer, zeros, COGNATE_ENCODER_DIMENSION, &decision),
            COGNATE_STATUS_EMBEDDING_ZERO, "an empty embedding");
    require(cognate_remove(&recognizer, 12345), COGNATE_STATUS_UNKNOWN_SUBJECT, "removing nobody");
    require(cognate_enroll(&recognizer, NULL, 0, NULL), COGNATE_STATUS_NULL_POINTER, "an id without a place");
}

int main(void)
{
    cognate_decision decision;
    require(cognate_identify(&recognizer, NULL, 0, &decision), COGNATE_STATUS_CLOSED, "a closed recognizer");
    require(cognate_open(COGNATE_BUILD + 1, &recognizer, board_bundle(), board_bundle_bytes()), COGNATE_STATUS_BUILD,
            "a header of other sizes");
    require(cognate_open(COGNATE_BUILD, &recognizer, board_bundle(), 100), COGNATE_STATUS_BUNDLE_DAMAGED,
            "a bundle that is cut");
    require(open_recognizer(), COGNATE_STATUS_OK, "open");
#ifdef COGNATE_EXAMPLE_ENCODES
    require(cognate_encoder_open(&encoder, &recognizer), COGNATE_STATUS_OK, "open the encoder");
#endif
    refuse_mistakes();
    decide_about_all();

    /* The first samples are somebody new. */
    cognate_template templates[LEARNED];
    for (size_t sample = 0; sample < LEARNED; sample++) {
        require(cognate_make_template(&recognizer, embedding_of(sample), COGNATE_ENCODER_DIMENSION,
                                      &templates[sample]),
                COGNATE_STATUS_OK, "make a template");
    }
    uint32_t subject;
    require(cognate_enroll(&recognizer, templates, 2, &subject), COGNATE_STATUS_SAMPLE_COUNT, "two samples");
    const cognate_status enrolled = cognate_enroll(&recognizer, templates, LEARNED, &subject);
    if (enrolled == COGNATE_STATUS_SAMPLE_TOO_CLOSE) {
        /* Somebody who has a key does not get a second one. */
        board_print("refused\n");
        board_exit(true);
    }
    require(enrolled, COGNATE_STATUS_OK, "enroll");
    board_print("enrolled ");
    board_print_number(subject);
    board_print("\n");
#ifdef COGNATE_EXAMPLE_STORES
    /* As after a reset. */
    require(cognate_close(&recognizer), COGNATE_STATUS_OK, "close");
    require(open_recognizer(), COGNATE_STATUS_OK, "open again");
#endif
    decide_about_all();

    cognate_verification verification;
    require(cognate_verify(&recognizer, embedding_of(0), COGNATE_ENCODER_DIMENSION, subject, &verification),
            COGNATE_STATUS_OK, "verify");
    board_print("verified ");
    board_print_number(verification.accepted);
    board_print(" ");
    board_print_number(verification.score);
    board_print("\n");

    require(cognate_remove(&recognizer, subject), COGNATE_STATUS_OK, "remove");
    require(cognate_verify(&recognizer, embedding_of(0), COGNATE_ENCODER_DIMENSION, subject, &verification),
            COGNATE_STATUS_UNKNOWN_SUBJECT, "verify somebody who was removed");
    decide_about_all();
    size_t left;
    require(cognate_enrolled_templates(&recognizer, &left), COGNATE_STATUS_OK, "count");
    require(cognate_close(&recognizer), COGNATE_STATUS_OK, "close");
    board_print("templates left ");
    board_print_number((int64_t)left);
    board_print("\n");
    board_exit(left == 0);
}
