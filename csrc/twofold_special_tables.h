/* Tables of twofold_normal.h and twofold_gamma.h: doubles and what they lack of the number, as in twofold_tables.h. */
#ifndef AD_TWOFOLD_SPECIAL_TABLES_H
#define AD_TWOFOLD_SPECIAL_TABLES_H

/* h / pi, and 2 h / pi exp(-k^2 h^2) with h = 11/32 */
static const double dw_normal_weight[26][2] = {
    {0x1.c02e296f573b4p-4, -0x1.7322a4f39fa77p-58}, {0x1.8e3b11d662c1ep-3, 0x1.b9226b9554654p-60},
    {0x1.175ee307a9b53p-3, -0x1.54134c614c533p-57}, {0x1.3578b999810f1p-4, 0x1.482b9351253a6p-58},
    {0x1.0ea911fcb7495p-5, -0x1.f0f3acbf1d44cp-59}, {0x1.75c927d9ade17p-7, 0x1.4b08e643ca1f2p-61},
    {0x1.978db96faa5a0p-9, -0x1.2f3049e7f52e8p-66}, {0x1.5ed7608c96359p-11, 0x1.c412aaedb18bbp-70},
    {0x1.dce75a8cabaa2p-14, 0x1.2809b4ea9a085p-69}, {0x1.ffd1262367b68p-17, 0x1.416cc4389ecccp-71},
    {0x1.b1ac5cf475d06p-20, 0x1.ebcd472136ab7p-74}, {0x1.221e348a65fdap-23, 0x1.e09772b6f2a9fp-77},
    {0x1.3276fec028841p-27, 0x1.80e9d950b7012p-81}, {0x1.ff301d48a6ae2p-32, -0x1.014f0f01a2ca8p-86},
    {0x1.5099b15efb51ap-36, -0x1.ef4d66c48c78dp-91}, {0x1.5dfabd7dd0098p-41, -0x1.6ad4600db3bbap-95},
    {0x1.1f4c9cc491459p-46, 0x1.4fa180cbd3d21p-103}, {0x1.7468c5df78e9dp-52, 0x1.1633985787b71p-106},
    {0x1.7d20ad00c7bf3p-58, 0x1.bc4b637af80bep-112}, {0x1.33f3f65df1f5bp-64, -0x1.b0e96330cc93cp-121},
    {0x1.88e8cb4c0a83dp-71, -0x1.d898cdbc75ccap-125}, {0x1.8bca1ff15a06ep-78, 0x1.da0989dff1b67p-136},
    {0x1.3ac668a57ca1ap-85, -0x1.574e46d69c97ap-139}, {0x1.8b4d98a4e6fd1p-93, 0x1.cd431c204690ep-147},
    {0x1.87f1b392a0eb9p-101, -0x1.4473f4b821ef1p-161}, {0x1.32d1a490e62d1p-109, 0x1.f31f628a272c3p-165},
};
/* (-1)^k / (k! (2 k + 1)) */
static const double dw_erf_terms[24][2] = {
    {0x1.0000000000000p+0, 0x0.0p+0}, {-0x1.5555555555555p-2, -0x1.5555555555555p-56},
    {0x1.999999999999ap-4, -0x1.999999999999ap-58}, {-0x1.8618618618618p-6, -0x1.8618618618618p-60},
    {0x1.2f684bda12f68p-8, 0x1.2f684bda12f68p-62}, {-0x1.8d3018d3018d3p-11, -0x1.8d3018d3018d3p-71},
    {0x1.c01c01c01c01cp-14, 0x1.c01c01c01c01cp-74}, {-0x1.bbd779334ef0bp-17, 0x1.4e65f77088199p-71},
    {0x1.87a00187a0018p-20, 0x1.e80061e80061fp-74}, {-0x1.3777c55568ccdp-23, -0x1.aaabe22270001p-79},
    {0x1.c2e3054870b38p-27, -0x1.d5bceb1cfc09cp-81}, {-0x1.2b67310aa9f3ap-30, -0x1.0a97d2e29d0a6p-85},
    {0x1.6f448e13e85e1p-34, -0x1.7f9c97a441499p-90}, {-0x1.a289ee7e40f74p-38, 0x1.d70bcaede276bp-92},
    {0x1.bd577e658d020p-42, 0x1.20ed35aaf6f95p-97}, {-0x1.bc6250fb14231p-46, 0x1.a5ccd0da99260p-100},
    {0x1.a173a167fba4dp-50, -0x1.4e2d0241b6a79p-104}, {-0x1.7271cbe5863ecp-54, -0x1.12d42fe81b396p-108},
    {0x1.377c2110f2083p-58, 0x1.98394fbf35b19p-117}, {-0x1.f1b4073b34a68p-63, 0x1.84a9e0b9a5e9bp-117},
    {0x1.7abd72258fb6ep-67, 0x1.2780872890580p-123}, {-0x1.13246abce1bddp-71, -0x1.b85c8446def6cp-125},
    {0x1.7e6b81382cd42p-76, 0x1.f8367249eb893p-131}, {-0x1.fd6bebd65107ap-81, -0x1.64abb94b856f1p-135},
};
/* B(2k) / (2k (2k - 1)) from k = 1 on, B Bernoulli's numbers */
static const double dw_lgamma_terms[15][2] = {
    {0x1.5555555555555p-4, 0x1.5555555555555p-58}, {-0x1.6c16c16c16c17p-9, 0x1.f49f49f49f49fp-64},
    {0x1.a01a01a01a01ap-11, 0x1.a01a01a01a01ap-71}, {-0x1.3813813813814p-11, 0x1.fb1fb1fb1fb20p-65},
    {0x1.b951e2b18ff23p-11, 0x1.5c3a9ce01b952p-65}, {-0x1.f6ab0d9993c7dp-10, 0x1.f82553c999b0ep-64},
    {0x1.a41a41a41a41ap-8, 0x1.0690690690690p-62}, {-0x1.e4286cb0f5398p-6, 0x1.1efcdab896745p-61},
    {0x1.6fe96381e0680p-3, -0x1.79e2405a71f88p-61}, {-0x1.6476701181f3ap+0, 0x1.24246319da678p-56},
    {0x1.ace44322ce006p+3, -0x1.62c2b1bbcdd32p-51}, {-0x1.39b2525cccc1bp+7, 0x1.52604768a30fcp-47},
    {0x1.12234e81b4e82p+11, -0x1.2c5f92c5f92c6p-43}, {-0x1.1a198ae1c4ab8p+15, 0x1.4c012227b696ep-41},
    {0x1.51a2089a6e11ap+19, 0x1.c219ee4fdc447p-36},
};
/* B(2k) / 2k from k = 1 on */
static const double dw_digamma_terms[17][2] = {
    {0x1.5555555555555p-4, 0x1.5555555555555p-58}, {-0x1.1111111111111p-7, -0x1.1111111111111p-63},
    {0x1.0410410410410p-8, 0x1.0410410410410p-62}, {-0x1.1111111111111p-8, -0x1.1111111111111p-64},
    {0x1.f07c1f07c1f08p-8, -0x1.f07c1f07c1f08p-63}, {-0x1.5995995995996p-6, 0x1.9a99a99a99a9ap-60},
    {0x1.5555555555555p-4, 0x1.5555555555555p-58}, {-0x1.c5e5e5e5e5e5ep-2, -0x1.7979797979798p-56},
    {0x1.86e7f9b9fe6e8p+1, -0x1.9180646019180p-57}, {-0x1.a74ca514ca515p+4, 0x1.ad759ad759ad7p-51},
    {0x1.1975cc0ed7304p+8, -0x1.28cfc4a33f129p-46}, {-0x1.c2f0566566566p+11, -0x1.5995995995996p-43},
    {0x1.ac572aaaaaaabp+15, -0x1.5555555555555p-39}, {-0x1.dc0b1a5cfbe16p+19, -0x1.73ef85973ef86p-35},
    {0x1.31fad7cbf3c00p+24, -0x1.e8188007a0620p-31}, {-0x1.c280563b8bcbdp+28, 0x1.0d0d0d0d0d0d1p-26},
    {0x1.7892edfdf5555p+33, 0x1.5555555555555p-21},
};
/* B(2k) from k = 1 on */
static const double dw_bernoulli[17][2] = {
    {0x1.5555555555555p-3, 0x1.5555555555555p-57}, {-0x1.1111111111111p-5, -0x1.1111111111111p-61},
    {0x1.8618618618618p-6, 0x1.8618618618618p-60}, {-0x1.1111111111111p-5, -0x1.1111111111111p-61},
    {0x1.364d9364d9365p-4, -0x1.364d9364d9365p-59}, {-0x1.0330330330330p-2, -0x1.981981981981ap-57},
    {0x1.2aaaaaaaaaaabp+0, -0x1.5555555555555p-54}, {-0x1.c5e5e5e5e5e5ep+2, -0x1.7979797979798p-52},
    {0x1.b7c4f8f13e3c5p+5, -0x1.c3b070ec1c3b0p-53}, {-0x1.088fe72cfe72dp+9, 0x1.8d3018d3018d3p-51},
    {0x1.8301f89467e25p+12, 0x1.9f89467e251a0p-44}, {-0x1.523440cc0cc0dp+16, 0x1.f99f99f99f9a0p-39},
    {0x1.5c06d2aaaaaabp+20, -0x1.5555555555555p-34}, {-0x1.a089b7115c654p+24, 0x1.ba8e6b1ba8e6bp-30},
    {0x1.1edb2a4f34840p+29, -0x1.c996f807265bep-26}, {-0x1.c280563b8bcbdp+33, 0x1.0d0d0d0d0d0d1p-21},
    {0x1.901c1cddd4aabp+38, -0x1.5555555555555p-16},
};
static const double dw_two_over_root_pi[2] = {0x1.20dd750429b6dp+0, 0x1.1ae3a914fed80p-56};
static const double dw_one_over_root_pi[2] = {0x1.20dd750429b6dp-1, 0x1.1ae3a914fed80p-57};
static const double dw_64_pi_over_11[2] = {0x1.247426bd47de3p+4, 0x1.c11e37d528014p-52};
static const double dw_root_half[2] = {0x1.6a09e667f3bcdp-1, -0x1.bdd3413b26456p-55};
static const double dw_pi[2] = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
static const double dw_log_pi[2] = {0x1.250d048e7a1bdp+0, 0x1.7abf2ad8d5088p-57};
static const double dw_half_log_2pi[2] = {0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55};
static const double dw_log_3[2] = {0x1.193ea7aad030bp+0, -0x1.a256f99caabebp-54};

#endif
