/* The least a UDP name server can cost: takes datagrams in batches, turns each into a response with room for one address, sends them back.
 * echo ADDRESS PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MANY = 64, SIZE = 4096, RECORD = 16 };

static unsigned char room[MANY][SIZE];
static struct sockaddr_in6 from[MANY];
static struct iovec part[MANY];
static struct mmsghdr batch[MANY];

int main(int count, char **words) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct sockaddr_in6 own6 = {.sin6_family = AF_INET6};
    if (count != 3) return 64;
    int six = inet_pton(AF_INET6, words[1], &own6.sin6_addr) == 1;
    if (!six && inet_pton(AF_INET, words[1], &own.sin_addr) != 1) return 64;
    own.sin_port = own6.sin6_port = htons((unsigned short)atoi(words[2]));
    int udp = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), queue = 4 << 20;
    setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
    setsockopt(udp, SOL_SOCKET, SO_SNDBUF, &queue, sizeof queue);
    if (bind(udp, six ? (void *)&own6 : (void *)&own, six ? sizeof own6 : sizeof own) != 0) return 71;
    for (;;) {
        for (int i = 0; i < MANY; i++) {
            part[i].iov_base = room[i];
            part[i].iov_len = SIZE - RECORD;
            batch[i].msg_hdr.msg_name = &from[i];
            batch[i].msg_hdr.msg_namelen = sizeof from[i];
            batch[i].msg_hdr.msg_iov = &part[i];
            batch[i].msg_hdr.msg_iovlen = 1;
        }
        int taken = recvmmsg(udp, batch, MANY, MSG_WAITFORONE, NULL);
        for (int i = 0; i < taken; i++) {
            room[i][2] |= 0x80;
            memset(room[i] + batch[i].msg_len, 0, RECORD);
            part[i].iov_len = batch[i].msg_len + RECORD;
        }
        for (int done = 0, now; done < taken; done += now)
            if ((now = sendmmsg(udp, batch + done, (unsigned)(taken - done), 0)) <= 0) break;
    }
}
