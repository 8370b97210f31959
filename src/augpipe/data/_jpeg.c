/* One rectangle of a JPEG file, by libjpeg-turbo: what lies beside it is not transformed, what lies
 * below it is not even read. `jpeg.py` is its face in Python.
 *
 * There are two answers: the pixels, equal to those of a full decode, or "no". A file with anything
 * odd about it, be it damaged, truncated or of a rare flavour, gets a "no", and a decoder that reads
 * it whole decides what is wrong. So the errors are the same with and without this extension.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2000000
#error "jpeg_crop_scanline and jpeg_skip_scanlines are wanted, as libjpeg-turbo 2 has them"
#endif

#define TEXT(name) #name
#define TEXT_OF(macro) TEXT(macro)

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf no;
} Errors;

/* Sizes and places are those of the scaled picture, but for height and width. On either side of the
 * rectangle, rows of `out` have room for `beside` more pixels. */
typedef struct {
    const unsigned char *data;
    unsigned long length;
    unsigned char *out;
    unsigned int height, width, scale, top, left, bottom, right, beside;
} Job;

static void say_no(j_common_ptr info) { longjmp(((Errors *)info->err)->no, 1); }

/* A warning means that libjpeg goes on with pixels it has made up. */
static void on_message(j_common_ptr info, int level)
{
    if (level < 0) say_no(info);
}

static void be_silent(j_common_ptr info) { (void)info; }

static int is_known(j_decompress_ptr info, const Job *job)
{
    J_COLOR_SPACE space = info->jpeg_color_space;
    int grey = info->num_components == 1 && space == JCS_GRAYSCALE;
    int color = info->num_components == 3 && (space == JCS_YCbCr || space == JCS_RGB);
    return (grey || color) && info->data_precision == 8 && !info->arith_code &&
           info->image_height == job->height && info->image_width == job->width;
}

/* Whether the scan that was left early goes on up to the end of the picture. (Of several scans all
 * have been read by now.) In a scan, 0xFF comes before 0, a restart marker, or what ends it. */
static int is_complete(j_decompress_ptr info)
{
    const unsigned char *at = info->src->next_input_byte;
    const unsigned char *end = at + info->src->bytes_in_buffer;
    int marker = info->unread_marker;
    if (info->output_scanline == info->output_height) return jpeg_finish_decompress(info);
    if (jpeg_has_multiple_scans(info)) return jpeg_input_complete(info);
    while (marker == 0 || marker == 0xFF || (marker >= JPEG_RST0 && marker <= JPEG_RST0 + 7)) {
        at = marker == 0xFF ? at - 1 : memchr(at, 0xFF, (size_t)(end - at));
        if (at == NULL || end - at < 2) return 0;
        marker = at[1];
        at += 2;
    }
    return marker == JPEG_EOI;
}

/* Upsampling looks at neighbours, so one more block to the left and right is decoded. It is left
 * where it falls, beside the rectangle, or cut off where there is no room for it. To the rows above
 * and below libjpeg sees by itself. */
static void read_rows(j_decompress_ptr info, const Job *job)
{
    unsigned int across = info->max_h_samp_factor * DCTSIZE / job->scale;
    JDIMENSION left = job->left > across ? job->left - across : 0;
    JDIMENSION right = job->right + across < info->output_width ? job->right + across
                                                                : info->output_width;
    JDIMENSION width = right - left, before;
    size_t bytes = 3 * (size_t)(job->right - job->left), margin = 3 * (size_t)job->beside;
    unsigned char *out = job->out + margin;
    JSAMPARRAY row;
    int fits;

    if (width < info->output_width) jpeg_crop_scanline(info, &left, &width);
    before = job->left - left;
    fits = before <= job->beside && left + width <= job->right + job->beside;
    row = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, fits ? 1 : 3 * width, 1);
    if (job->top > 0 && jpeg_skip_scanlines(info, job->top) != job->top)
        say_no((j_common_ptr)info);
    for (; info->output_scanline < job->bottom; out += bytes + 2 * margin) {
        JSAMPROW there = fits ? out - 3 * before : row[0];
        if (jpeg_read_scanlines(info, &there, 1) != 1) say_no((j_common_ptr)info);
        if (!fits) memcpy(out, row[0] + 3 * before, bytes);
    }
}

static int decode(const Job *job)
{
    struct jpeg_decompress_struct info;
    Errors errors;
    int done = 0;

    memset(&info, 0, sizeof info);
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = say_no;
    errors.base.emit_message = on_message;
    errors.base.output_message = be_silent;
    if (setjmp(errors.no) == 0) {
        jpeg_create_decompress(&info);
        jpeg_mem_src(&info, job->data, job->length);
        jpeg_read_header(&info, TRUE);
        if (!is_known(&info, job)) say_no((j_common_ptr)&info);
        info.out_color_space = JCS_RGB;
        info.scale_num = 1;
        info.scale_denom = job->scale;
        jpeg_start_decompress(&info);
        if (job->bottom > info.output_height || job->right > info.output_width)
            say_no((j_common_ptr)&info);
        read_rows(&info, job);
        done = is_complete(&info);
        jpeg_destroy_decompress(&info);
        return done;
    }
    jpeg_destroy_decompress(&info);
    return 0;
}

static PyObject *decode_into(PyObject *self, PyObject *args)
{
    Py_buffer data, out;
    Job job;
    int done;

    (void)self;
    if (!PyArg_ParseTuple(args, "y*w*IIIIIIII", &data, &out, &job.height, &job.width, &job.scale,
                          &job.top, &job.left, &job.bottom, &job.right, &job.beside))
        return NULL;
    job.data = data.buf;
    job.length = (unsigned long)data.len;
    job.out = out.buf;
    if (job.scale < 1 || job.scale > DCTSIZE || job.top >= job.bottom || job.left >= job.right ||
        job.bottom > JPEG_MAX_DIMENSION || job.right > JPEG_MAX_DIMENSION ||
        job.beside > JPEG_MAX_DIMENSION ||
        (unsigned long long)out.len !=
            3ull * (job.bottom - job.top) * (job.right - job.left + 2 * job.beside)) {
        PyErr_SetString(PyExc_ValueError, "the buffer does not hold that rectangle");
        done = -1;
    } else {
        Py_BEGIN_ALLOW_THREADS
        done = decode(&job);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&out);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

static PyMethodDef methods[] = {
    {"decode_into", decode_into, METH_VARARGS,
     "decode_into(data, out, height, width, scale, top, left, bottom, right, beside) -> bool"},
    {NULL, NULL, 0, NULL},
};

static int set_up(PyObject *module)
{
    return PyModule_AddStringConstant(module, "LIBRARY",
                                      "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION));
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, set_up},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "augpipe.data._jpeg", "Rectangles of JPEG files.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__jpeg(void) { return PyModuleDef_Init(&definition); }
