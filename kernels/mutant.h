/*
 * Planted defects. A mutant is a build with MUTANT_ID defined (to 1, as -D does); in the correct
 * build none is. MUTANT(ID) is 1 or 0 accordingly, also in #if, so that a defect is an expression
 * that every build compiles:
 *
 *     entries[at] = MUTANT(L05) ? rows : rows_at_run_time;
 */
#ifndef HARNESS_KERNELS_MUTANT_H
#define HARNESS_KERNELS_MUTANT_H

/* Only a value of 1 makes the pasted name the placeholder, which shifts a 1 into second place. */
#define MUTANT_PLACEHOLDER_1              0,
#define MUTANT_SECOND(first, second, ...) second
#define MUTANT_PICK(placeholder_or_not)   MUTANT_SECOND(placeholder_or_not 1, 0, 0)
#define MUTANT_VALUE_(value)              MUTANT_PICK(MUTANT_PLACEHOLDER_##value)
#define MUTANT_VALUE(value)               MUTANT_VALUE_(value)
#define MUTANT(id)                        MUTANT_VALUE(MUTANT_##id)

#endif
