/* Writes down what op_listener.h states, for the test `c_header` to compare with Rust. */
#include <inttypes.h>
#include <stdio.h>

#include "op_listener.h"

#define ALIGN(type)                                                                                \
    offsetof(struct {                                                                              \
        char c;                                                                                    \
        type member;                                                                               \
    }, member)
/* `base` is where the type proper begins: after `fields` and `layout` in a table. */
#define TYPE(name, type, base)                                                                     \
    printf("%s: size %zu, align %zu\n", name, sizeof(type) - (base), ALIGN(type))
#define MEMBER(type, member, base) NAMED(#member, type, member, base)
#define NAMED(name, type, member, base)                                                            \
    printf("  %zu +%zu %s\n", offsetof(type, member) - (base), sizeof(((type *)0)->member), name)
#define NUMBER(name, value) printf("%s = %" PRIu64 "\n", name, (uint64_t)(value))
#define STRING(name, value) printf("%s = %s\n", name, value)

typedef struct op_listener_text Text;
typedef struct op_listener_buffer Buffer;
typedef struct op_listener_event Event;
typedef struct op_listener_log_record LogRecord;
typedef struct op_listener_host HostHandle;
typedef struct op_listener_host_table HostTable;
typedef struct op_listener_listener Listener;
typedef struct op_listener_listeners Listeners;
typedef struct op_listener_plugin Plugin;

int main(void)
{
    const size_t host = offsetof(HostTable, log_enabled);
    const size_t listener = offsetof(Listener, spi);
    const size_t plugin = offsetof(Plugin, listeners);

    TYPE("Text", Text, 0);
    MEMBER(Text, data, 0);
    MEMBER(Text, length, 0);
    TYPE("Buffer", Buffer, 0);
    MEMBER(Buffer, data, 0);
    MEMBER(Buffer, length, 0);
    MEMBER(Buffer, capacity, 0);
    MEMBER(Buffer, release, 0);
    printf("Status: size %zu, align %zu\n", sizeof(op_listener_status), ALIGN(op_listener_status));
    printf("  0 +%zu field_0\n", sizeof(op_listener_status));
    TYPE("Event", Event, 0);
    MEMBER(Event, spi, 0);
    MEMBER(Event, schema, 0);
    MEMBER(Event, time_micros, 0);
    MEMBER(Event, id, 0);
    MEMBER(Event, txn, 0);
    MEMBER(Event, issuer, 0);
    MEMBER(Event, client_id, 0);
    MEMBER(Event, subject, 0);
    MEMBER(Event, claims, 0);
    MEMBER(Event, client, 0);
    MEMBER(Event, more, 0);
    TYPE("LogRecord", LogRecord, 0);
    MEMBER(LogRecord, level, 0);
    MEMBER(LogRecord, line, 0);
    MEMBER(LogRecord, target, 0);
    MEMBER(LogRecord, message, 0);
    MEMBER(LogRecord, fields, 0);
    MEMBER(LogRecord, file, 0);
    TYPE("HostHandle", HostHandle, 0);
    MEMBER(HostHandle, table, 0);
    MEMBER(HostHandle, context, 0);
    TYPE("HostTable", HostTable, host);
    MEMBER(HostTable, log_enabled, host);
    MEMBER(HostTable, log, host);
    MEMBER(HostTable, invoke, host);
    TYPE("Plugin", Plugin, plugin);
    MEMBER(Plugin, listeners, plugin);
    MEMBER(Plugin, start, plugin);
    MEMBER(Plugin, invoke, plugin);
    TYPE("Listener", Listener, listener);
    MEMBER(Listener, spi, listener);
    NAMED("class", Listener, class_name, listener);
    MEMBER(Listener, init, listener);
    MEMBER(Listener, is_enabled, listener);
    MEMBER(Listener, on_event, listener);
    MEMBER(Listener, shutdown, listener);
    MEMBER(Listener, release, listener);
    TYPE("Listeners", Listeners, 0);
    MEMBER(Listeners, data, 0);
    MEMBER(Listeners, length, 0);

    NUMBER("host table begins", host);
    NUMBER("listener table begins", listener);
    NUMBER("plugin table begins", plugin);
    NUMBER("host fields", OP_LISTENER_HOST_FIELDS);
    NUMBER("listener fields", OP_LISTENER_LISTENER_FIELDS);
    NUMBER("plugin fields", OP_LISTENER_PLUGIN_FIELDS);
    NUMBER("room behind layout", sizeof op_listener_no_layout);

    STRING("interface", OP_LISTENER_INTERFACE);
    STRING("entry point", OP_LISTENER_ENTRY_POINT);
    STRING("panic target", OP_LISTENER_PANIC_TARGET);
    NUMBER("schema", OP_LISTENER_EVENT_SCHEMA);
    NUMBER("spi", OP_LISTENER_SPI_ID_TOKEN_ISSUE);
    NUMBER("spi", OP_LISTENER_SPI_ACCESS_TOKEN_ISSUE);
    NUMBER("spi", OP_LISTENER_SPI_SUBJECT_AUTH_AND_CONSENT);
    NUMBER("ok", OP_LISTENER_OK);
    NUMBER("error", OP_LISTENER_ERROR);
    NUMBER("panic", OP_LISTENER_PANIC);
    NUMBER("unsupported", OP_LISTENER_UNSUPPORTED);
    NUMBER("config", OP_LISTENER_CONFIG);
    NUMBER("closed", OP_LISTENER_CLOSED);
    NUMBER("level", OP_LISTENER_LEVEL_ERROR);
    NUMBER("level", OP_LISTENER_LEVEL_WARN);
    NUMBER("level", OP_LISTENER_LEVEL_INFO);
    NUMBER("level", OP_LISTENER_LEVEL_DEBUG);
    NUMBER("level", OP_LISTENER_LEVEL_TRACE);
    NUMBER("sign", OP_LISTENER_SERVICE_SIGN);
    NUMBER("queue open", OP_LISTENER_SERVICE_QUEUE_OPEN);
    NUMBER("queue push", OP_LISTENER_SERVICE_QUEUE_PUSH);
    NUMBER("queue close", OP_LISTENER_SERVICE_QUEUE_CLOSE);
    NUMBER("log level", OP_LISTENER_REQUEST_LOG_LEVEL);
    NUMBER("request to panic", OP_LISTENER_REQUEST_PANIC);
    NUMBER("queue deliver", OP_LISTENER_REQUEST_QUEUE_DELIVER);
    return 0;
}
