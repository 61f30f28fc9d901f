/* What people do with the C client, step by step; the test restarts the server when this prints RESTART. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define PATIENCE_S 30
#define EVENTS_MAX 64
/* Reads while the server is away; each waits in the library. */
#define TRIES_MAX 1000

#define EXPECT(want, call) expect((want), (call), #call, __LINE__)
#define CHECK(holds) check((holds), #holds, __LINE__)

/* Events in the order in which they arrive, guarded by `mutex`. */
static struct event {
    int type;
    int state;
    char path[128];
} events[EVENTS_MAX];
static int arrived, taken;
static int skip_session_events;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

static void check(int holds, const char *what, int line) {
    if (!holds) {
        fprintf(stderr, "line %d: %s does not hold\n", line, what);
        exit(1);
    }
}

static void expect(int want, int got, const char *call, int line) {
    if (want != got) {
        fprintf(stderr, "line %d: %s gave %d (%s), not %d (%s)\n", line, call, got, zerror(got), want, zerror(want));
        exit(1);
    }
}

static void step(const char *name) {
    printf("ok: %s\n", name);
    fflush(stdout);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    (void)context;
    if (skip_session_events && type == ZOO_SESSION_EVENT)
        return;
    pthread_mutex_lock(&mutex);
    CHECK(arrived < EVENTS_MAX);
    struct event *event = &events[arrived++];
    event->type = type;
    event->state = state;
    snprintf(event->path, sizeof event->path, "%s", path ? path : "");
    pthread_cond_broadcast(&more);
    pthread_mutex_unlock(&mutex);
}

static void other_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)type, (void)state, (void)path, (void)context;
}

static void expect_event(int type, int state, const char *path) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&mutex);
    while (arrived == taken)
        if (pthread_cond_timedwait(&more, &mutex, &end) != 0) {
            fprintf(stderr, "no event of type %d, state %d, path %s\n", type, state, path);
            exit(1);
        }
    struct event event = events[taken++];
    pthread_mutex_unlock(&mutex);
    if (event.type != type || event.state != state || strcmp(event.path, path) != 0) {
        fprintf(stderr, "event %d %d %s, not %d %d %s\n", event.type, event.state, event.path, type, state, path);
        exit(1);
    }
}

static void node_event(int type, const char *path) {
    expect_event(type, ZOO_CONNECTED_STATE, path);
}

/* A handle in use before it is connected queues requests; a read of the root waits for that. */
static zhandle_t *connect_to(const char *hosts, watcher_fn watcher) {
    zhandle_t *zh = zookeeper_init(hosts, watcher, 20000, NULL, NULL, 0);
    CHECK(zh != NULL);
    struct Stat stat;
    EXPECT(ZOK, zoo_exists(zh, "/", 0, &stat));
    return zh;
}

static void caught_up(int rc, const char *path, const void *context) {
    (void)path, (void)context;
    EXPECT(ZOK, rc);
}

/* What other sessions have done is seen by whatever comes behind this, at any server. */
static void catch_up(zhandle_t *zh) {
    EXPECT(ZOK, zoo_async(zh, "/c", caught_up, NULL));
}

static void crud(zhandle_t *zh) {
    char path[128], data[64];
    struct Stat made, stat;
    int length = sizeof data;
    EXPECT(ZOK, zoo_create(zh, "/c", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    EXPECT(ZOK, zoo_create2(zh, "/c/crud", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path, &made));
    CHECK(strcmp(path, "/c/crud") == 0);
    EXPECT(ZOK, zoo_get(zh, "/c/crud", 0, data, &length, &stat));
    CHECK(length == 3 && memcmp(data, "one", 3) == 0 && memcmp(&made, &stat, sizeof stat) == 0);
    length = sizeof data;
    EXPECT(ZOK, zoo_get(zh, "/c", 0, data, &length, &stat));
    CHECK(length == -1 && stat.numChildren == 1);
    EXPECT(ZOK, zoo_set2(zh, "/c/crud", "two", 3, 0, &stat));
    CHECK(stat.version == 1 && stat.mzxid > stat.czxid);
    EXPECT(ZBADVERSION, zoo_set(zh, "/c/crud", "three", 5, 0));
    EXPECT(ZNODEEXISTS, zoo_create(zh, "/c/crud", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    EXPECT(ZNOTEMPTY, zoo_delete(zh, "/c", -1));
    struct String_vector names;
    EXPECT(ZOK, zoo_get_children2(zh, "/c", 0, &names, &stat));
    CHECK(names.count == 1 && strcmp(names.data[0], "crud") == 0);
    deallocate_String_vector(&names);
    EXPECT(ZOK, zoo_delete(zh, "/c/crud", 1));
    EXPECT(ZNONODE, zoo_exists(zh, "/c/crud", 0, &stat));
    step("create, read, update, delete");
}

static void ephemeral(zhandle_t *zh, const char *hosts) {
    char path[128];
    struct Stat stat;
    zhandle_t *other = connect_to(hosts, other_session);
    EXPECT(ZOK, zoo_create(zh, "/c/queue", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    for (int number = 0; number < 3; number++) {
        char want[64];
        snprintf(want, sizeof want, "/c/queue/n-%010d", number);
        zhandle_t *owner = number == 2 ? other : zh;
        int flags = ZOO_EPHEMERAL | ZOO_SEQUENCE;
        EXPECT(ZOK, zoo_create(owner, "/c/queue/n-", "", 0, &ZOO_OPEN_ACL_UNSAFE, flags, path, sizeof path));
        CHECK(strcmp(path, want) == 0);
    }
    catch_up(zh);
    EXPECT(ZOK, zoo_wexists(zh, path, on_event, NULL, &stat));
    CHECK(stat.ephemeralOwner == zoo_client_id(other)->client_id);
    EXPECT(ZNOCHILDRENFOREPHEMERALS,
           zoo_create(zh, "/c/queue/n-0000000000/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    EXPECT(ZOK, zookeeper_close(other));
    node_event(ZOO_DELETED_EVENT, path);
    EXPECT(ZOK, zoo_exists(zh, "/c/queue", 0, &stat));
    CHECK(stat.numChildren == 2);
    step("ephemeral and sequential");
}

static void watches(zhandle_t *zh, const char *hosts) {
    struct Stat stat;
    struct String_vector names;
    char data[16];
    int length = sizeof data;
    zhandle_t *other = connect_to(hosts, other_session);
    EXPECT(ZNONODE, zoo_wexists(zh, "/c/watched", on_event, NULL, &stat));
    EXPECT(ZOK, zoo_create(other, "/c/watched", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    node_event(ZOO_CREATED_EVENT, "/c/watched");
    EXPECT(ZOK, zoo_wget(zh, "/c/watched", on_event, NULL, data, &length, &stat));
    EXPECT(ZOK, zoo_wget_children(zh, "/c/watched", on_event, NULL, &names));
    deallocate_String_vector(&names);
    EXPECT(ZOK, zoo_set(other, "/c/watched", "2", 1, -1));
    node_event(ZOO_CHANGED_EVENT, "/c/watched");
    EXPECT(ZOK, zoo_set(other, "/c/watched", "3", 1, -1)); /* The watch is used up. */
    EXPECT(ZOK, zoo_create(other, "/c/watched/child", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    node_event(ZOO_CHILD_EVENT, "/c/watched");
    EXPECT(ZOK, zoo_delete(other, "/c/watched/child", -1));
    EXPECT(ZOK, zoo_delete(other, "/c/watched", -1));
    EXPECT(ZOK, zookeeper_close(other));
    catch_up(zh);
    EXPECT(ZNONODE, zoo_exists(zh, "/c/watched", 0, &stat));
    CHECK(arrived == taken);
    step("watches");
}

static void multi(zhandle_t *zh) {
    char path[64], child[64], data[16];
    struct Stat stat;
    int length = sizeof data;
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    zoo_create_op_init(&ops[0], "/c/multi", "a", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    zoo_set_op_init(&ops[1], "/c/multi", "b", 1, 0, &stat);
    zoo_check_op_init(&ops[2], "/c/multi", 1);
    zoo_create_op_init(&ops[3], "/c/multi/n-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, child, sizeof child);
    EXPECT(ZOK, zoo_multi(zh, 4, ops, results));
    CHECK(stat.version == 1 && strcmp(child, "/c/multi/n-0000000000") == 0);
    zoo_set_op_init(&ops[0], "/c/multi", "never", 5, -1, &stat);
    zoo_check_op_init(&ops[1], "/c/multi", 7);
    zoo_delete_op_init(&ops[2], "/c/multi/n-0000000000", -1);
    EXPECT(ZBADVERSION, zoo_multi(zh, 3, ops, results));
    CHECK(results[0].err == ZOK && results[1].err == ZBADVERSION && results[2].err == ZRUNTIMEINCONSISTENCY);
    EXPECT(ZOK, zoo_get(zh, "/c/multi", 0, data, &length, &stat));
    CHECK(length == 1 && data[0] == 'b');
    step("multi");
}

static void authenticated(int rc, const void *context) {
    (void)context;
    EXPECT(ZOK, rc);
    on_event(NULL, 0, 0, "authenticated", NULL);
}

static void acl(zhandle_t *zh, const char *hosts) {
    struct ACL_vector list;
    struct Stat stat;
    char data[16];
    int length = sizeof data;
    zhandle_t *owner = connect_to(hosts, other_session);
    EXPECT(ZOK, zoo_add_auth(owner, "digest", "owner:secret", 12, authenticated, NULL));
    expect_event(0, 0, "authenticated");
    EXPECT(ZOK, zoo_create(owner, "/c/mine", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    catch_up(zh);
    EXPECT(ZNOAUTH, zoo_get(zh, "/c/mine", 0, data, &length, &stat));
    EXPECT(ZNOAUTH, zoo_set(zh, "/c/mine", "y", 1, -1));
    EXPECT(ZNOAUTH, zoo_set_acl(zh, "/c/mine", -1, &ZOO_OPEN_ACL_UNSAFE));
    EXPECT(ZOK, zoo_get_acl(owner, "/c/mine", &list, &stat));
    CHECK(list.count == 1 && list.data[0].perms == ZOO_PERM_ALL && strcmp(list.data[0].id.scheme, "digest") == 0);
    CHECK(strncmp(list.data[0].id.id, "owner:", 6) == 0);
    EXPECT(ZOK, zoo_set_acl(owner, "/c/mine", 0, &list));
    deallocate_ACL_vector(&list);
    EXPECT(ZINVALIDACL, zoo_create(zh, "/c/bad", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    EXPECT(ZOK, zoo_add_auth(zh, "digest", "owner:secret", 12, authenticated, NULL));
    expect_event(0, 0, "authenticated");
    catch_up(zh);
    EXPECT(ZOK, zoo_get(zh, "/c/mine", 0, data, &length, &stat));
    CHECK(length == 1 && stat.aversion == 1);
    EXPECT(ZOK, zookeeper_close(owner));
    step("ACL with digest");
}

/* A read that was on its way when the connection broke fails; the next one waits for the new connection. */
static int read_when_connected(zhandle_t *zh, const char *path, char *data, int *length, struct Stat *stat) {
    int size = *length, rc, tries = 0;
    do {
        *length = size;
        rc = zoo_get(zh, path, 0, data, length, stat);
    } while ((rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT) && ++tries < TRIES_MAX);
    return rc;
}

static void restart(zhandle_t *zh) {
    char line[32] = "", data[16];
    int length = sizeof data;
    struct Stat stat;
    clientid_t before = *zoo_client_id(zh);
    EXPECT(ZOK, zoo_create(zh, "/c/alive", "before", 6, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    EXPECT(ZOK, zoo_wget(zh, "/c/alive", on_event, NULL, data, &length, &stat));
    skip_session_events = 1;
    printf("RESTART\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL && strcmp(line, "restarted\n") == 0);
    /* Both the session's and the znode's watcher hear of the loss and of the return, in no fixed order between them. */
    length = sizeof data;
    EXPECT(ZOK, read_when_connected(zh, "/c/alive", data, &length, &stat));
    CHECK(zoo_client_id(zh)->client_id == before.client_id);
    CHECK(length == 6 && stat.ephemeralOwner == before.client_id);
    /* setWatches has put the watch on the new connection. */
    EXPECT(ZOK, zoo_set(zh, "/c/alive", "after", 5, 0));
    node_event(ZOO_CHANGED_EVENT, "/c/alive");
    length = sizeof data;
    EXPECT(ZOK, zoo_get(zh, "/c/mine", 0, data, &length, &stat));
    step("same session and watch after a restart");
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = connect_to(arguments[1], on_event);
    expect_event(ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
    crud(zh);
    ephemeral(zh, arguments[1]);
    watches(zh, arguments[1]);
    multi(zh);
    acl(zh, arguments[1]);
    restart(zh);
    EXPECT(ZOK, zookeeper_close(zh));
    printf("DONE\n");
    return 0;
}
