//! Scalar products of bytes, in the widest registers that the machine has. The only module with unsafe code.
#![expect(
    unsafe_code,
    reason = "vector instructions are chosen at run time; each call stands behind a test of the machine"
)]

use super::codes::CHUNK;

/// Scalar products that are taken at once.
const GROUP: usize = 4;

/// Rows that are asked for ahead of their turn: memory answers later than the products of some rows take.
const AHEAD: usize = 32;

/// Bytes as the registers take them; a row is several of these.
pub(super) type Chunk = [i8; CHUNK];

/// The instruction set that a scan uses. All of them give the same numbers: sums of whole numbers do not round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Instructions {
    /// The widest that this machine has.
    pub fn best() -> Self {
        Self::available().into_iter().next().unwrap_or(Self(Set::Portable))
    }

    /// All that this machine has, widest first. There is no other way to one of them.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let vnni = ["avx512f", "avx512bw", "avx512vnni"];
            let has = |name: &str| match name {
                "avx512f" => is_x86_feature_detected!("avx512f"),
                "avx512bw" => is_x86_feature_detected!("avx512bw"),
                _ => is_x86_feature_detected!("avx512vnni"),
            };
            if vnni.into_iter().all(has) {
                found.push(Self(Set::Avx512Vnni));
            }
            if is_x86_feature_detected!("avx2") {
                found.push(Self(Set::Avx2));
            }
        }
        found.push(Self(Set::Portable));
        found
    }

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => "AVX-512 VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            Set::Portable => "portable",
        }
    }

    /// Scalar products of `one` with each row of `many`; row `i` begins at chunk `i * stride` and only as many of its
    /// chunks count as `one` has. Bytes are within -127..=127. Rows that are not there give zero.
    pub(super) fn dots(self, one: &[Chunk], many: &[Chunk], stride: usize, sums: &mut [i32]) {
        match self.0 {
            // SAFETY: the value comes from `available`, which found these instructions on this machine.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => unsafe { x86::dots_vnni(one, many, stride, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::dots_avx2(one, many, stride, sums) },
            Set::Portable => each_group(one, many, stride, sums, |_| {}, four_portable),
        }
    }
}

/// Hands the rows out in groups of four; the last group is filled up with its first row.
#[inline(always)]
#[expect(clippy::inline_always, reason = "only inside its caller may it use the caller's instructions")]
fn each_group(
    one: &[Chunk],
    many: &[Chunk],
    stride: usize,
    sums: &mut [i32],
    fetch: impl Fn(&Chunk),
    four: impl Fn(&[Chunk], [&[Chunk]; GROUP]) -> [i32; GROUP],
) {
    let row = |i: usize| many.get(i * stride..i * stride + one.len());
    for (number, group) in sums.chunks_mut(GROUP).enumerate() {
        let first = number * GROUP;
        let Some(a) = row(first) else {
            group.fill(0);
            continue;
        };
        for ahead in first + AHEAD..first + AHEAD + GROUP {
            row(ahead).unwrap_or_default().iter().for_each(&fetch);
        }
        let rows = [a, row(first + 1).unwrap_or(a), row(first + 2).unwrap_or(a), row(first + 3).unwrap_or(a)];
        let found = four(one, rows);
        for (sum, value) in group.iter_mut().zip(found) {
            *sum = value;
        }
    }
}

fn four_portable(one: &[Chunk], rows: [&[Chunk]; GROUP]) -> [i32; GROUP] {
    rows.map(|row| {
        let mut sum = 0_i32;
        for (a, b) in one.iter().zip(row) {
            sum += a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum::<i32>();
        }
        sum
    })
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Chunk, GROUP, each_group};
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _MM_HINT_T0, _mm_add_epi32, _mm_hadd_epi32, _mm_prefetch, _mm_storeu_si128,
        _mm256_abs_epi8, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256,
        _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8,
        _mm512_abs_epi8, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
        _mm512_mask_sub_epi8, _mm512_movepi8_mask, _mm512_setzero_si512,
    };

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
    pub fn dots_vnni(one: &[Chunk], many: &[Chunk], stride: usize, sums: &mut [i32]) {
        each_group(one, many, stride, sums, fetch, |one, rows| four_vnni(one, rows));
    }

    #[target_feature(enable = "avx2")]
    pub fn dots_avx2(one: &[Chunk], many: &[Chunk], stride: usize, sums: &mut [i32]) {
        each_group(one, many, stride, sums, fetch, |one, rows| four_avx2(one, rows));
    }

    /// The instruction multiplies unsigned by signed bytes: the sign of `one` goes to the other factor.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
    fn four_vnni(one: &[Chunk], rows: [&[Chunk]; GROUP]) -> [i32; GROUP] {
        let zero = _mm512_setzero_si512();
        let mut sums = [zero; GROUP];
        let [a, b, c, d] = rows;
        for ((((o, a), b), c), d) in one.iter().zip(a).zip(b).zip(c).zip(d) {
            let o = load(o);
            let (size, negative) = (_mm512_abs_epi8(o), _mm512_movepi8_mask(o));
            for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
                let row = load(row);
                *sum = _mm512_dpbusd_epi32(*sum, size, _mm512_mask_sub_epi8(row, negative, zero, row));
            }
        }
        fold(sums.map(|s| _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64::<1>(s))))
    }

    /// Pairs of products stay below 2 * 127 * 127 and do not saturate.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four_avx2(one: &[Chunk], rows: [&[Chunk]; GROUP]) -> [i32; GROUP] {
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_si256(); GROUP];
        let [a, b, c, d] = rows;
        for ((((o, a), b), c), d) in one.iter().zip(a).zip(b).zip(c).zip(d) {
            for (half, o) in load_halves(o).into_iter().enumerate() {
                let size = _mm256_abs_epi8(o);
                for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
                    let row = _mm256_sign_epi8(load_halves(row)[half], o);
                    let pairs = _mm256_maddubs_epi16(size, row);
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        fold(sums)
    }

    /// Asks for a chunk that will be needed soon.
    #[inline]
    fn fetch(chunk: &Chunk) {
        // SAFETY: a prefetch only hints at an address; this one is that of a chunk.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(chunk).cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(chunk: &Chunk) -> __m512i {
        // SAFETY: a chunk is 64 readable bytes; the load needs no alignment.
        unsafe { _mm512_loadu_si512(std::ptr::from_ref(chunk).cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_halves(chunk: &Chunk) -> [__m256i; 2] {
        let start: *const __m256i = std::ptr::from_ref(chunk).cast();
        // SAFETY: a chunk is 64 readable bytes, two halves of 32; the loads need no alignment.
        unsafe { [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))] }
    }

    /// The sum of each of four registers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn fold(sums: [__m256i; GROUP]) -> [i32; GROUP] {
        let halves: [__m128i; GROUP] =
            sums.map(|s| _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256::<1>(s)));
        let [a, b, c, d] = halves;
        let all = _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
        let mut out = [0; GROUP];
        // SAFETY: `out` is 16 writable bytes; the store needs no alignment.
        unsafe { _mm_storeu_si128(std::ptr::from_mut(&mut out).cast(), all) };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn every_instruction_set_gives_the_sums_of_plain_loops_at_any_number_of_rows() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut chunks = |n: usize| -> Vec<Chunk> {
            (0..n).map(|_| std::array::from_fn(|_| rng.random_range(-127_i8..=127))).collect()
        };
        let (stride, used) = (5, 3);
        let one = chunks(used);
        let extreme: Vec<Chunk> = (0..50).map(|i| [if i % 2 == 0 { 127 } else { -127 }; CHUNK]).collect();
        for (one, many) in [(one, chunks(50)), (vec![[-127; CHUNK]; used], extreme)] {
            for rows in [0, 1, 3, 4, 7, 10] {
                let wanted: Vec<i32> = (0..rows)
                    .map(|r| {
                        let row = &many[r * stride..r * stride + used];
                        let pairs = one.iter().flatten().zip(row.iter().flatten());
                        pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
                    })
                    .collect();
                for set in Instructions::available() {
                    let mut sums = vec![-1; rows];
                    set.dots(&one, &many, stride, &mut sums);
                    assert_eq!(sums, wanted, "{} with {rows} rows", set.name());
                }
            }
        }
    }

    #[test]
    fn rows_that_are_not_there_give_zero() {
        let mut sums = [5; 3];
        Instructions::best().dots(&[[1; CHUNK]; 2], &[], 2, &mut sums);
        assert_eq!(sums, [0; 3]);
    }
}
