/** Owns the place from which the contract imports the service. */
export * from '@strata/service';
