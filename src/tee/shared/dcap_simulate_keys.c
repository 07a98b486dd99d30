/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_simulate.h"

/*
 * The private keys behind roots/simulated.c and of all below it. They are public on
 * purpose: whoever wants can sign simulated evidence, and so nobody takes it for more than
 * that. That all are known makes quotes and collateral of several runs fit together.
 */
const char *const dcap_sim_keys[DCAP_SIM_KEYS] = {
    /* the root */
    [DCAP_SIM_ROOT] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaWyq5iZJrRADrf35\n"
        "3s9INo7i/iVLvfKicWgTjTDz3uuhRANCAAQHHvnOkKLszQ67HCNTesa5KVtsg33j\n"
        "GUI7ENMJtPEzK6p14cC4ts89v54CxleeScDjypsX+WUD+6lLWZ+DZgas\n"
        "-----END PRIVATE KEY-----\n",
    /* the PCK CAs, both */
    [DCAP_SIM_CA] = "-----BEGIN PRIVATE KEY-----\n"
                    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvghyvHMUYBMGgehv\n"
                    "7m0h7l46vc0uTW8WC2VIwsTLf7ShRANCAASDzf2bvOF89eVkUNz2TSfrK6JVfCy3\n"
                    "BVROGW3OFwDGbLdr+c5oECo53zdv+dJ3wL3qyJSdnjT/T1pUWre4cEGV\n"
                    "-----END PRIVATE KEY-----\n",
    /* TCB Signing */
    [DCAP_SIM_SIGNING] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgT/P7z7YQ+pUcG6d7\n"
        "Cu6aBFZo1V+kfXtbGI0DVb3H/JehRANCAATxDMy+d5g4B6t08PUeNv6xBS0gx9Jv\n"
        "6NgfWmPwO9W8cWdDFtymzAG/ehrs1Lc5ayndpWMcDbcOI4k/q2OQ6Dx4\n"
        "-----END PRIVATE KEY-----\n",
    /* the PCK certificate */
    [DCAP_SIM_PCK] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMd1ujVNqfhpqlzxY\n"
        "+9jNHZaGGbO01mPmYuWqYRjcGg+hRANCAAT31X1xr4dcwQhEeJbqNvHa0Oy4mXMO\n"
        "7gB1/SWmAICx78aYflBZJSh3uYuzDDaaQMQ9eejW5C2HNuUtZMVxWa6t\n"
        "-----END PRIVATE KEY-----\n",
};
