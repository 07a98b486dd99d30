/* SPDX-License-Identifier: Apache-2.0 */
#include "image/placeholder.h"

#include "image/tdvf.h"

/*
 * The end of the file as edk2 lays it out (OvmfPkg/ResetVector/Ia16/
 * ResetVectorVtf0.asm): a table of {data, u16 length, GUID} that is read backwards
 * from a footer 32 bytes before the end, and the list of pages that SEV-SNP wants
 * (OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm), which the table points to.
 */
static const char text[] =
    "selfsame: no firmware; this image runs in the simulator only\n";
static const char kernel[] =
    "selfsame: no kernel; this image runs in the simulator only\n";

static const char libos[] =
    "selfsame: no libsysdb.so; this image runs in the simulator only\n";
static const char pal_text[] =
    "selfsame: no libpal.so; this image runs in the simulator only\n";
static const char pe[] = "MZ selfsame: no kernel; for the simulator only\n";

enum {
    GUID = OVMF_GUID,
    TAIL = 32,            /* behind the footer */
    METADATA_AT = 0xe00,  /* from the start of the file */
    AP_RESET = 0x80b004,  /* where processors but the first begin */
    HASHES_AT = 0x810c00, /* in the page of KERNEL_HASHES below */
    HASHES_SIZE = 0x400,
};

static const struct {
    uint32_t gpa, size, type;
} sections[] = {
    { 0x800000, 0x9000, OVMF_SEC_MEM },
    { 0x80a000, 0x3000, OVMF_SEC_MEM },
    { 0x80d000, 0x1000, OVMF_SECRETS },
    { 0x80e000, 0x1000, OVMF_CPUID },
    { 0x810000, 0x1000, OVMF_KERNEL_HASHES },
    { 0x811000, 0xf000, OVMF_SEC_MEM },
};

static uint8_t *
put_le(uint8_t *at, uint32_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(v >> (8 * i));
    return at + size;
}

/* Written backwards: the entry ends where the one behind it begins. */
static uint8_t *
put_entry(
    uint8_t *end, const uint8_t guid[static GUID], uint32_t a, uint32_t b, size_t data)
{
    uint8_t *at = end - GUID - 2 - data, *to = at;

    to = put_le(to, a, 4);
    if (data == 8)
        to = put_le(to, b, 4);
    to = put_le(to, (uint32_t)(data + 2 + GUID), 2);
    memcpy(to, guid, GUID);
    return at;
}

static void
put_table(uint8_t file[static PLACEHOLDER_FIRMWARE])
{
    uint8_t *footer = file + PLACEHOLDER_FIRMWARE - TAIL - GUID;
    uint8_t *at = footer - 2;

    at = put_entry(at, ovmf_guid_reset, AP_RESET, 0, 4);
    at = put_entry(at, ovmf_guid_hashes, HASHES_AT, HASHES_SIZE, 8);
    at = put_entry(at, ovmf_guid_metadata, PLACEHOLDER_FIRMWARE - METADATA_AT, 0, 4);
    memcpy(footer, ovmf_guid_footer, GUID);
    (void)put_le(footer - 2, (uint32_t)(footer + GUID - at), 2);
}

static void
put_metadata(uint8_t file[static PLACEHOLDER_FIRMWARE])
{
    uint8_t *at = file + METADATA_AT;

    memcpy(at, "ASEV", 4);
    at = put_le(at + 4, 16 + sizeof(sections), 4);
    at = put_le(at, 1, 4);
    at = put_le(at, COUNT(sections), 4);
    for (size_t i = 0; i < COUNT(sections); i++) {
        at = put_le(at, sections[i].gpa, 4);
        at = put_le(at, sections[i].size, 4);
        at = put_le(at, sections[i].type, 4);
    }
}

void
placeholder_firmware(uint8_t ret[static PLACEHOLDER_FIRMWARE])
{
    memset(ret, 0, PLACEHOLDER_FIRMWARE);
    memcpy(ret, text, sizeof(text) - 1);
    put_metadata(ret);
    put_table(ret);
    ret[PLACEHOLDER_FIRMWARE - 16] = 0xf4; /* hlt, at the reset vector */
}

/*
 * ELF (System V gABI): one segment to read and execute, nothing to link. The bytes that
 * pad its identification tell what it is.
 */
enum { PAL_CODE = 512, PAL_TEXT = 1024 };
static const uint8_t pal_ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 'n', 'o',
    ' ', 'p', 'a', 'l', 0 };

void
placeholder_pal(uint8_t ret[static PLACEHOLDER_PAL])
{
    struct writer w = writer_of(ret, PLACEHOLDER_PAL);

    memset(ret, 0, PLACEHOLDER_PAL);
    put_bytes(&w, BYTES_ARR(pal_ident));
    put_le32(&w, 3 | 62 << 16); /* shared object, x86-64 */
    put_le32(&w, 1);
    put_le64(&w, PAL_CODE); /* entry */
    put_le64(&w, 64);       /* program headers */
    put_le64(&w, 0);        /* no sections */
    put_le32(&w, 0);
    put_le32(&w, 64 | 56 << 16);
    put_le32(&w, 1);
    put_le32(&w, 0);
    put_le32(&w, 1);      /* load … */
    put_le32(&w, 4 | 1);  /* … to read and execute */
    put_zeros(&w, 3 * 8); /* all of the file, at 0 */
    put_le64(&w, PLACEHOLDER_PAL);
    put_le64(&w, PLACEHOLDER_PAL);
    put_le64(&w, PLACEHOLDER_PAL);
    ret[PAL_CODE] = 0xf4; /* hlt */
    memcpy(ret + PAL_TEXT, pal_text, sizeof(pal_text) - 1);
}

struct selfsame_bytes
placeholder_libos(void)
{
    return BYTES_LIT(libos);
}

/* ---- for TDX ---- */

/* edk2 OvmfPkg/ResetVector/X64/TdxMetadata.asm; what is not of the file is where it is there. */
static const struct {
    uint32_t offset, raw, gpa, size, type, attributes;
} td_sections[] = {
    { 0x1000, 0x2000, 0xffffe000, 0x2000, TDVF_BFV, TDVF_MR_EXTEND },
    { 0, 0x1000, 0xffffd000, 0x1000, TDVF_CFV, 0 },
    { 0, 0, 0x810000, 0x10000, TDVF_TEMP_MEM, 0 },
    { 0, 0, 0x80b000, 0x2000, TDVF_TEMP_MEM, 0 },
    { 0, 0, 0x809000, 0x2000, TDVF_TD_HOB, 0 },
    { 0, 0, 0x800000, 0x6000, TDVF_TEMP_MEM, 0 },
};

void
placeholder_tdvf(uint8_t ret[static PLACEHOLDER_TDVF])
{
    enum { AT = 0x2c00 };
    uint8_t *footer = ret + PLACEHOLDER_TDVF - TAIL - GUID, *at = ret + AT + GUID;

    memset(ret, 0, PLACEHOLDER_TDVF);
    memcpy(ret, text, sizeof(text) - 1);
    memcpy(ret + AT, tdvf_guid_metadata, GUID);
    memcpy(at, "TDVF", 4);
    at = put_le(at + 4, TDVF_HEAD + TDVF_SECTION * COUNT(td_sections), 4);
    at = put_le(at, 1, 4);
    at = put_le(at, COUNT(td_sections), 4);
    for (size_t i = 0; i < COUNT(td_sections); i++) {
        at = put_le(at, td_sections[i].offset, 4);
        at = put_le(at, td_sections[i].raw, 4);
        at = put_le(put_le(at, td_sections[i].gpa, 4), 0, 4);
        at = put_le(put_le(at, td_sections[i].size, 4), 0, 4);
        at = put_le(at, td_sections[i].type, 4);
        at = put_le(at, td_sections[i].attributes, 4);
    }
    at = put_entry(footer - 2, tdvf_guid_offset, PLACEHOLDER_TDVF - AT - GUID, 0, 4);
    memcpy(footer, ovmf_guid_footer, GUID);
    (void)put_le(footer - 2, (uint32_t)(footer + GUID - at), 2);
    ret[PLACEHOLDER_TDVF - 16] = 0xf4; /* hlt, at the reset vector */
}

/* PE32+ without a section; Linux Documentation/arch/x86/boot.rst at 0x1f1. */
void
placeholder_pe(uint8_t ret[static PLACEHOLDER_PE])
{
    enum { PE = 0x40, OPTIONAL = 240 };
    uint8_t *optional = ret + PE + 24;

    memset(ret, 0, PLACEHOLDER_PE);
    memcpy(ret, pe, sizeof(pe) - 1);
    (void)put_le(ret + 0x3c, PE, 4);
    memcpy(ret + PE, "PE\0\0", 4);
    (void)put_le(ret + PE + 4, 0x8664, 2);
    (void)put_le(ret + PE + 20, OPTIONAL, 2);
    (void)put_le(ret + PE + 22, 0x206, 2);
    (void)put_le(optional, 0x20b, 2);
    (void)put_le(optional + 32, 0x1000, 4); /* SectionAlignment, FileAlignment */
    (void)put_le(optional + 36, 0x1000, 4);
    (void)put_le(optional + 56, PLACEHOLDER_PE, 4); /* SizeOfImage, SizeOfHeaders */
    (void)put_le(optional + 60, PLACEHOLDER_PE, 4);
    (void)put_le(optional + 68, 10, 2); /* an EFI application */
    (void)put_le(optional + 108, 16, 4);
    (void)put_le(ret + 0x1fe, 0xaa55, 2);
    memcpy(ret + 0x202, "HdrS", 4);
    (void)put_le(ret + 0x206, 0x20f, 2);
    ret[0x211] = 1; /* loaded high */
    (void)put_le(ret + 0x22c, 0x7fffffff, 4);
    (void)put_le(ret + 0x236, 1 << 1, 2); /* XLF_CAN_BE_LOADED_ABOVE_4G */
}

struct selfsame_bytes
placeholder_kernel(void)
{
    return BYTES_LIT(kernel);
}

bool
placeholder_recognise(struct selfsame_bytes file)
{
    return bytes_has_prefix(file, BYTES_LIT(text)) ||
           bytes_has_prefix(file, BYTES_LIT(kernel)) ||
           bytes_has_prefix(file, BYTES_LIT(pe)) ||
           bytes_has_prefix(file, BYTES_LIT(libos)) ||
           bytes_has_prefix(file, BYTES_ARR(pal_ident));
}
