/* The bundle and the samples, as files of the Makefile's. */
    .syntax unified
    .section .rodata.files, "a"
    .balign 16
    .global _bundle_begin, _bundle_end, _samples_begin, _samples_end
_bundle_begin:
    .incbin BUNDLE
_bundle_end:
    .balign 16
_samples_begin:
    .incbin SAMPLES
_samples_end:
