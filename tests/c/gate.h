/* Where a thread is that runs a guest, for tests in which another one uses the same store meanwhile. */

#ifndef GATE_H
#define GATE_H

#include <pthread.h>

/* A thread in a host function of the store, until it is told to go on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { OUTSIDE, INSIDE, LEAVING } place;

static void go_to(int next) {
    pthread_mutex_lock(&lock);
    place = next;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(int wanted) {
    pthread_mutex_lock(&lock);
    while ((int)place != wanted) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

#endif
