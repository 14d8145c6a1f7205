/*
 * A listener that does one thing wrong: what MISCHIEF_… it is compiled with. For what cannot be done
 * wrong in Rust, or is done by the linker. Fixture of the conformance tests.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "op_listener.h"

#ifndef MISCHIEF_VERSION
#define MISCHIEF_VERSION "1.0.0"
#endif
#ifndef MISCHIEF_LICENCE
#define MISCHIEF_LICENCE "MIT"
#endif
#ifndef MISCHIEF_VENDOR
#define MISCHIEF_VENDOR "example.com"
#endif
#ifndef MISCHIEF_INTERFACE
#define MISCHIEF_INTERFACE "1.0"
#endif
#ifndef MISCHIEF_PANIC
#define MISCHIEF_PANIC "unwind"
#endif
#ifndef MISCHIEF_LISTENERS
#define MISCHIEF_LISTENERS "{\"spi\":\"id_token_issue\",\"class\":\"mischief\"}"
#endif
#ifndef MISCHIEF_END
#define MISCHIEF_END "}"
#endif

#ifndef MISCHIEF_NO_METADATA
OP_LISTENER_METADATA("{\"op_listener\":1,\"id\":\"mischief\",\"version\":\"" MISCHIEF_VERSION
                     "\",\"vendor\":\"" MISCHIEF_VENDOR "\",\"license\":\"" MISCHIEF_LICENCE
                     "\",\"interface\":\"" MISCHIEF_INTERFACE
                     "\",\"built_with\":\"1.0\",\"panic\":\"" MISCHIEF_PANIC
                     "\",\"listeners\":[" MISCHIEF_LISTENERS "]" MISCHIEF_END);
#endif

#ifdef MISCHIEF_EXPORT
OP_LISTENER_EXPORT int open_the_pod_bay_doors(void) { return 0; }
#endif

#ifdef MISCHIEF_INTERPOSED
OP_LISTENER_EXPORT char *l64a(long n)
{
    (void)n;
    return NULL;
}
#endif

#ifdef MISCHIEF_LARGE
OP_LISTENER_EXPORT const char large[5 << 20] = {1};
#endif

#ifdef MISCHIEF_STATIC_TLS
static __thread int mine __attribute__((tls_model("initial-exec")));
OP_LISTENER_EXPORT int *where(void) { return &mine; }
#endif

#ifdef MISCHIEF_TEXT_RELOCATION
__asm__(".text\n.balign 8\n.quad op_listener_plugin_v1\n");
#endif

#ifdef MISCHIEF_WRITABLE_CODE
__asm__(".section .both,\"awx\",@progbits\n.quad 0\n.text\n");
#endif

#ifdef MISCHIEF_UNNAMED_LIBRARY
extern int _Unwind_Backtrace(int (*)(void *, void *), void *);
OP_LISTENER_EXPORT int trace(void) { return _Unwind_Backtrace(NULL, NULL); }
#endif

#ifdef MISCHIEF_NEEDED
extern int needed(void);
OP_LISTENER_EXPORT int need(void) { return needed(); }
#endif

static struct op_listener_text text(const char *string)
{
    struct op_listener_text text = {(const uint8_t *)string, strlen(string)};
    return text;
}

OP_LISTENER_UNUSED static op_listener_status answer(struct op_listener_buffer *output, op_listener_status status,
                                 const char *message)
{
    output->data = (uint8_t *)message;
    output->length = strlen(message);
    output->capacity = output->length;
    output->release = NULL;
    return status;
}

static struct op_listener_text class_name(void)
{
#ifdef MISCHIEF_CLASS
    return text(MISCHIEF_CLASS);
#else
    return text("mischief");
#endif
}

struct object {
    struct op_listener_host host;
    int asked;
};

static op_listener_status init(struct op_listener_host host, struct op_listener_text request,
                               const void **object, struct op_listener_buffer *output)
{
    (void)request;
    (void)output;
#ifdef MISCHIEF_NO_OBJECT
    (void)host;
    (void)object;
    return OP_LISTENER_OK;
#elif defined MISCHIEF_ONE_OBJECT
    static struct object only;
    only.host = host;
    *object = &only;
    return OP_LISTENER_OK;
#else
    struct object *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return answer(output, OP_LISTENER_ERROR, "no memory");
    }
    made->host = host;
    *object = made;
    return OP_LISTENER_OK;
#endif
}

static op_listener_status is_enabled(const void *object, uint8_t *enabled,
                                     struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
#ifdef MISCHIEF_ENABLED
    *enabled = MISCHIEF_ENABLED;
#else
    *enabled = 1;
#endif
    return OP_LISTENER_OK;
}

static op_listener_status on_event(const void *object, const struct op_listener_event *event,
                                   struct op_listener_buffer *output)
{
    const struct object *this = object;
    (void)this;
    (void)output;
#ifdef MISCHIEF_SCHEMA
    if (event->schema != OP_LISTENER_EVENT_SCHEMA) {
        return answer(output, OP_LISTENER_ERROR, "another schema");
    }
#endif
#ifdef MISCHIEF_KIND
    if (event->spi != OP_LISTENER_SPI_ID_TOKEN_ISSUE) {
        abort();
    }
#endif
#ifdef MISCHIEF_STATUS
    return answer(output, MISCHIEF_STATUS, "what is this");
#endif
#ifdef MISCHIEF_MESSAGE
    return answer(output, OP_LISTENER_ERROR, MISCHIEF_MESSAGE);
#endif
#ifdef MISCHIEF_RECORD
    struct op_listener_log_record record = {
        .level = OP_LISTENER_LEVEL_INFO, .target = text("mischief"), .message = text("said")};
    record.MISCHIEF_RECORD;
    this->host.table->log(this->host.context, &record);
#endif
    (void)event;
    return OP_LISTENER_OK;
}

static op_listener_status shutdown(const void *object, struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    return OP_LISTENER_OK;
}

static op_listener_status release(const void *object, struct op_listener_buffer *output)
{
    (void)output;
#ifdef MISCHIEF_ONE_OBJECT
    (void)object;
#else
    free((void *)object);
#endif
    return OP_LISTENER_OK;
}

static const struct op_listener_listener table = {
    .fields = OP_LISTENER_LISTENER_FIELDS,
    .layout = OP_LISTENER_NO_LAYOUT,
    .spi = OP_LISTENER_SPI_ID_TOKEN_ISSUE,
    .class_name = class_name,
    .init = init,
    .is_enabled = is_enabled,
    .on_event = on_event,
    .shutdown = shutdown,
    .release = release,
};

static op_listener_status start(struct op_listener_host host, uint32_t level,
                                struct op_listener_buffer *output)
{
    (void)host;
    (void)level;
    (void)output;
#ifdef MISCHIEF_START
    return answer(output, OP_LISTENER_ERROR, "not today");
#else
    return OP_LISTENER_OK;
#endif
}

static op_listener_status invoke(uint32_t request, struct op_listener_text input,
                                 struct op_listener_buffer *output)
{
    (void)request;
    (void)input;
    (void)output;
#ifdef MISCHIEF_REQUEST
    return OP_LISTENER_OK;
#else
    return OP_LISTENER_UNSUPPORTED;
#endif
}

OP_LISTENER_EXPORT const struct op_listener_plugin *op_listener_plugin_v1(void)
{
    static const struct op_listener_listener *const listeners[] = {&table};
    static const struct op_listener_plugin plugin = {
        .fields = OP_LISTENER_PLUGIN_FIELDS,
        .layout = OP_LISTENER_NO_LAYOUT,
        .listeners = {listeners, sizeof listeners / sizeof *listeners},
        .start = start,
        .invoke = invoke,
    };
    return &plugin;
}
