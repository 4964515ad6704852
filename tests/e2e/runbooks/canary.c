/* The program that runbooks of the tests start: writes down how it was called, and does what CANARY says.
 *
 * One file a call in the folder CANARY_FOLDER, named by EVENKEEL_RUN with `-` for `/`; made anew, so that a second call
 * under one key is seen: it ends the name with `.again`. Each part is a letter, its length in decimal, `:`, the bytes and
 * a line's end: `a` an argument, `e` a variable, `i` standard input. CANARY is `sleep MILLISECONDS` or `exit CODE`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void part(FILE *out, char letter, const char *bytes, size_t length) {
    fprintf(out, "%c%zu:", letter, length);
    fwrite(bytes, 1, length, out);
    fputc('\n', out);
}

int main(int argc, char **argv) {
    const char *folder = getenv("CANARY_FOLDER"), *run = getenv("EVENKEEL_RUN"), *what = getenv("CANARY");
    if (!folder || !run) return 99;
    char name[4096];
    snprintf(name, sizeof name - 8, "%s/%s", folder, run);
    for (char *at = name + strlen(folder) + 1; *at; at++)
        if (*at == '/') *at = '-';
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) {
        strcat(name, ".again");
        file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    FILE *out = fdopen(file, "w");
    if (!out) return 98;
    for (int i = 0; i < argc; i++) part(out, 'a', argv[i], strlen(argv[i]));
    for (char **one = environ; *one; one++) part(out, 'e', *one, strlen(*one));
    fflush(out);
    static char input[1 << 20];
    size_t length = 0, got;
    while ((got = fread(input + length, 1, sizeof input - length, stdin)) > 0) length += got;
    part(out, 'i', input, length);
    fclose(out);
    puts("sang");
    if (what && !strncmp(what, "sleep ", 6)) usleep(1000 * atoi(what + 6));
    if (what && !strncmp(what, "exit ", 5)) return atoi(what + 5);
    return 0;
}
