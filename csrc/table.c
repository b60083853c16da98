/* The operator table as C sees it, and the choice of an instruction set. */
#include "ad.h"

#include <string.h>

#include "generated/opcodes.h"
#include "generated/table.h"

const ad_op ad_ops[] = {AD_OPS};
const int ad_op_count = AD_NOPS;
const char ad_table_hash[] = AD_TABLE_HASH;

extern const ad_isa ad_isa_baseline;
#ifdef __x86_64__
extern const ad_isa ad_isa_avx2, ad_isa_avx512;
#endif

const ad_isa *ad_cpu = &ad_isa_baseline;
int ad_divides_slowly = -1;                                 /* (unknown) */

const ad_isa *ad_isa_named(const char *name)
{
    const ad_isa *found[3];
    int n = 0;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (ad_divides_slowly < 0)
        ad_divides_slowly = !__builtin_cpu_is("amd");
    const int fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        found[n++] = &ad_isa_avx512;
    if (fma)
        found[n++] = &ad_isa_avx2;
#endif
    found[n++] = &ad_isa_baseline;
    for (int i = 0; i < n; i++)
        if (name == NULL || strcmp(found[i]->name, name) == 0)
            return found[i];
    return NULL;
}
